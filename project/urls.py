"""The site's URLs."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from classify_app.api.resources import api

urlpatterns = [
    # One login page for all, so that one rate limit covers every login.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("classify_app.urls")),
]
