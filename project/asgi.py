"""The site's ASGI application, which uvicorn runs."""

import asyncio
import gc
import os
import resource
import threading
from contextlib import suppress
from typing import Any

import structlog
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_site = get_asgi_application()

# These imports need Django to be set up.
from classify_app.http.body_limit import BodyLimit  # noqa: E402
from classify_app.http.threadless import begin_and_end_without_thread  # noqa: E402
from classify_app.intake import outbox  # noqa: E402
from classify_app.intake.submission import warm_up  # noqa: E402
from project import env  # noqa: E402
from project.aws.startup import check_aws  # noqa: E402

log = structlog.get_logger()

CHECK_SECONDS = 15.0

begin_and_end_without_thread()
site = BodyLimit(django_site)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Handle requests and lifespan events. At shutdown the outbox is flushed."""
    if scope["type"] != "lifespan":
        await site(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    # uvicorn ends by re-raising the signal that stopped it, so atexit handlers don't run.
    await asyncio.to_thread(outbox.close)
    await send({"type": "lifespan.shutdown.complete"})


def check_settings() -> None:
    """End the start with a sentence if AWS says that a bucket or a queue can't be used.

    If AWS takes longer than CHECK_SECONDS the site starts all the same: a load balancer waits for /healthz. Uploads
    get a 503 while AWS is unavailable.
    """
    refusals: list[env.ConfigurationError] = []

    def check() -> None:
        try:
            check_aws(wait=False)
        except env.ConfigurationError as error:
            log.error("AWS refuses a setting", reason=str(error))
            refusals.append(error)

    thread = threading.Thread(target=check, name="check-settings", daemon=True)
    thread.start()
    thread.join(CHECK_SECONDS)
    if refusals:
        raise refusals[0]


def raise_file_limit() -> None:
    """Allow as many open files as the system lets this process have: each waiting request keeps a socket."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):  # macOS allows fewer than the hard limit that it reports.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


raise_file_limit()
check_settings()
warm_up()
# What is loaded by now stays, so the collector of garbage need not look through it again and again.
gc.freeze()
