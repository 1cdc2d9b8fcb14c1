"""`/healthz`: the process answers. For load balancers, which know no host name, no account and no HTTPS."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

PATH = "/healthz"


@sync_and_async_middleware
def health(
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
) -> Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]:
    """Middleware, the first, that answers this one address and looks at nothing else."""
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponse:
            return _alive() if request.path_info == PATH else await get_response(request)

        return answer_later

    def answer(request: HttpRequest) -> HttpResponse:
        return _alive() if request.path_info == PATH else get_response(request)  # type: ignore[return-value]

    return answer


def _alive() -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")
