"""The Django application."""

from django.apps import AppConfig


class ClassifyAppConfig(AppConfig):
    name = "classify_app"
    verbose_name = "Image recognition"
