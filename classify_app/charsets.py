"""Bodies are read as UTF-8, whatever charset they claim: Django would try any codec of Python, such as `hex`."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def utf8_alone(
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
) -> Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]:
    """Middleware that forgets the charset of a body before anybody reads it."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponse:
            request.encoding = None
            return await get_response(request)

        return answer_later

    def answer(request: HttpRequest) -> HttpResponse:
        request.encoding = None
        return get_response(request)  # type: ignore[return-value]

    return answer
