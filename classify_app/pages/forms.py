"""The upload form: one or many pictures."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from project.pictures import MEDIA_TYPES


class PicturesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """A field for many files, cleaned to a list. `submit` checks each file."""

    widget = PicturesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = [file for file in data or [] if file]
        if not files:
            raise forms.ValidationError("Choose at least one picture.")
        return files


class UploadForm(forms.Form):
    pictures = PicturesField(
        label="Pictures",
        widget=PicturesInput(attrs={"accept": ",".join(MEDIA_TYPES), "multiple": True, "required": True}),
    )
