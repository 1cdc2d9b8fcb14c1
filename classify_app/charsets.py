"""Bodies are read as UTF-8, whatever charset they claim: Django would try any codec of Python, such as `hex`."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def utf8_alone(
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
) -> Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]:
    """Middleware that settles the charset before anybody reads a body."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponse:
            request.encoding = "utf-8"
            response: HttpResponse = await get_response(request)
            return response

        return answer_later

    def answer(request: HttpRequest) -> HttpResponse:
        request.encoding = "utf-8"
        return get_response(request)  # type: ignore[return-value]

    return answer
