"""The site's ASGI application, which uvicorn runs."""

import asyncio
import os
import signal
import sys
import threading
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_site = get_asgi_application()

# These imports need Django to be set up.
from classify_app.http.body_limit import BodyLimit  # noqa: E402
from classify_app.intake import outbox  # noqa: E402
from classify_app.intake.submission import warm_up  # noqa: E402
from project import env  # noqa: E402
from project.aws.startup import check_aws  # noqa: E402

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
    """End the process with a sentence if AWS says that a bucket or a queue can't be used."""
    try:
        check_aws(wait=False)
    except env.ConfigurationError as error:
        print(error, file=sys.stderr)
        os.kill(os.getpid(), signal.SIGTERM)


# In a thread, so that /healthz answers at once however long AWS takes. While AWS is unavailable uploads get a 503.
threading.Thread(target=check_settings, name="check-settings", daemon=True).start()
warm_up()
