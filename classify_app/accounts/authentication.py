"""Authenticate a request by its API token or by its session."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja.security.base import AuthBase
from ninja.security.http import HttpAuthBase
from ninja.utils import check_csrf

from classify_app.accounts.tokens import valid_token
from classify_app.http.responses import BEARER
from classify_app.threads import in_thread
from project.refusals import Refusal


class UserRequest(HttpRequest):
    """An authenticated request: `login_required` or the API has checked it."""

    user: User


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


def owner_of_token(text: str, scope: str) -> User:
    """Return a token's user. Raises Refusal if the token is invalid or lacks the scope."""
    token = valid_token(text)
    if token is None:
        raise unauthenticated("The token is unknown, revoked or expired.")
    if scope not in token.scopes:
        raise Refusal("scope", f"The token does not have the scope {scope}.")
    return token.user


class Bearer(HttpAuthBase):
    """Authentication by a token with a given scope, in the Authorization header."""

    openapi_scheme = BEARER.lower()

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    async def __call__(self, request: HttpRequest) -> User | None:
        text = token_in(request)
        if text is None:
            return None
        request.user = await in_thread(lambda: owner_of_token(text, self.scope))
        return request.user


class Session(AuthBase):
    """Authentication by the site's session cookie. Requests that change something also need the CSRF token."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = settings.SESSION_COOKIE_NAME
    csrf = True  # So that the API's documentation page sends the CSRF token.

    async def __call__(self, request: HttpRequest) -> Any:
        return await in_thread(lambda: self._user(request))

    def _user(self, request: HttpRequest) -> Any:
        if not request.user.is_authenticated:
            return None
        if check_csrf(request):
            raise Refusal("csrf", "The CSRF token is missing or wrong; programs send an API token instead.")
        return request.user
