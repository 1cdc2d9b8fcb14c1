"""The site's forms: one or many pictures, and a new API token."""

from datetime import date
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from classify_app.accounts.tokens import SCOPES
from classify_app.models import ApiToken
from project import contract


class PicturesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """A field of many files, cleaned to a list of them. What is wrong with one of them is for `submit` to say."""

    widget = PicturesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = [file for file in data or [] if file]
        if not files:
            raise forms.ValidationError("Choose at least one picture.")
        return files


def accepted_types() -> str:
    return ",".join(f"image/{name.lower()}" for name in contract.FORMATS)


class UploadForm(forms.Form):
    pictures = PicturesField(
        label="Pictures", widget=PicturesInput(attrs={"accept": accepted_types(), "multiple": True, "required": True})
    )


class TokenForm(forms.Form):
    name = forms.CharField(max_length=ApiToken._meta.get_field("name").max_length, help_text="What it is for.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        help_text="write sends pictures, read reads what became of them.",
    )
    last_day = forms.DateField(
        label="Valid until", required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text="Or for ever."
    )

    def clean_last_day(self) -> date | None:
        last_day: date | None = self.cleaned_data["last_day"]
        if last_day and last_day < timezone.now().date():
            raise forms.ValidationError("This day is over.")
        return last_day
