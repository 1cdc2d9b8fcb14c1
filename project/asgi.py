"""The site as an ASGI application, for uvicorn."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = get_asgi_application()

from classify_app.submission import warm_up  # noqa: E402 -- needs Django set up
from project.startup import check_aws  # noqa: E402

# While AWS is away the site runs, and says so to whoever uploads.
check_aws(patient=False)
warm_up()
