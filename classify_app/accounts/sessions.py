"""Sessions in the database, as Django keeps them, looked for only by keys that one can have."""

import re

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

KEY = re.compile("[a-z0-9]{32}")


class SessionStore(DatabaseSessions):
    def _validate_session_key(self, key: str | None) -> bool:
        # Django looks for any eight characters, and PostgreSQL breaks on a NUL among them.
        return key is not None and KEY.fullmatch(key) is not None
