"""The admin site: classifications, dead letters and API tokens. Rows can be viewed and acted on, not edited."""

from django.contrib import admin

from classify_app.admin import classifications, dead_letters, tokens  # noqa: F401 -- each registers its pages

admin.site.site_header = admin.site.site_title = "Image recognition"
admin.site.index_title = "Administration"
