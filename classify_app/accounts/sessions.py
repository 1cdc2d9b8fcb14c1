"""Django's database sessions, with a check of the key before the query."""

import re

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

KEY = re.compile("[a-z0-9]{32}")


class SessionStore(DatabaseSessions):
    def _validate_session_key(self, key: str | None) -> bool:
        # Django queries for any key of eight characters or more, and PostgreSQL fails on a NUL in one.
        return key is not None and KEY.fullmatch(key) is not None
