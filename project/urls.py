"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from classify_app.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("classify_app.urls")),
]
