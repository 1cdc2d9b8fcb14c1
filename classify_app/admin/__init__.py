"""Browsing what was classified and what died. Uploads, results and consumers make rows, so nothing here edits them."""

from django.contrib import admin

from classify_app.admin import classifications, dead_letters, tokens  # noqa: F401 -- each registers its pages

admin.site.site_header = admin.site.site_title = "Image recognition"
admin.site.index_title = "Administration"
