"""The site as an ASGI application, for uvicorn."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django = get_asgi_application()

from classify_app.body_limit import BodyLimit  # noqa: E402 -- needs Django set up
from classify_app.submission import warm_up  # noqa: E402
from project.startup import check_aws  # noqa: E402

application = BodyLimit(django)
# While AWS is away the site runs, and says so to whoever uploads.
check_aws(patient=False)
warm_up()
