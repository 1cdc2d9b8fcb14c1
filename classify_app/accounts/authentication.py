"""Authenticate a request by its API token or by its session."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja.security.base import AuthBase
from ninja.security.http import HttpAuthBase
from ninja.utils import check_csrf

from classify_app.accounts.tokens import SCOPES, valid_token
from classify_app.http.responses import BEARER
from classify_app.models import ApiToken
from classify_app.threads import in_thread
from project.refusals import Refusal


class UserRequest(HttpRequest):
    """An authenticated request: `login_required` or the API has checked it."""

    user: User
    scopes: Collection[str]
    """What the request may do: its token's scopes, or all with a session. Set by the API."""


def unauthenticated(sentence: str) -> Refusal:
    return Refusal("unauthenticated", sentence)


def token_in(request: HttpRequest) -> str | None:
    """Return the token in the Authorization header, or None without that header. Raises Refusal for other schemes."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    if scheme.lower() != BEARER.lower() or not text.strip():
        raise unauthenticated("The Authorization header must be: Bearer TOKEN.")
    return text.strip()


def token_with(text: str, *scopes: str) -> ApiToken:
    """Return a token. Raises Refusal if it is invalid or lacks one of the scopes."""
    token = valid_token(text)
    if token is None:
        raise unauthenticated("The token is unknown, revoked or expired.")
    for scope in scopes:
        if scope not in token.scopes:
            raise Refusal("scope", f"The token does not have the scope {scope}.")
    return token


class Bearer(HttpAuthBase):
    """Authentication by a token with the given scopes, in the Authorization header."""

    openapi_scheme = BEARER.lower()

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes
        super().__init__()

    async def __call__(self, request: Any) -> User | None:
        text = token_in(request)
        if text is None:
            return None
        token = await in_thread(lambda: token_with(text, *self.scopes))
        request.user, request.scopes = token.user, token.scopes
        return token.user


class Session(AuthBase):
    """Authentication by the site's session cookie. Requests that change something also need the CSRF token."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = settings.SESSION_COOKIE_NAME
    csrf = True  # So that the API's documentation page sends the CSRF token.

    async def __call__(self, request: Any) -> Any:
        request.scopes = SCOPES
        return await in_thread(lambda: self._user(request))

    def _user(self, request: UserRequest) -> Any:
        if not request.user.is_authenticated:
            return None
        if check_csrf(request):
            raise Refusal("csrf", "The CSRF token is missing or wrong; programs send an API token instead.")
        return request.user
