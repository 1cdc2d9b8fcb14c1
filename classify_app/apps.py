"""The Django application."""

from django.apps import AppConfig

from classify_app.http.multipart import take_any_file_name


class ClassifyAppConfig(AppConfig):
    name = "classify_app"
    verbose_name = "Image recognition"

    def ready(self) -> None:
        take_any_file_name()
