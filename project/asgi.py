"""The site as an ASGI application, for uvicorn."""

import asyncio
import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_site = get_asgi_application()

# These need Django set up.
from classify_app.http.body_limit import BodyLimit  # noqa: E402
from classify_app.intake import outbox  # noqa: E402
from classify_app.intake.submission import warm_up  # noqa: E402
from project.aws.startup import check_aws  # noqa: E402

site = BodyLimit(django_site)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer requests, and what the server says of its own life: at its end the outbox is sent."""
    if scope["type"] != "lifespan":
        await site(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    # uvicorn ends by the signal that stopped it, so nothing that is registered with atexit would run.
    await asyncio.to_thread(outbox.close)
    await send({"type": "lifespan.shutdown.complete"})


# While AWS is away the site runs, and says so to whoever uploads.
check_aws(patient=False)
warm_up()
