"""The form that creates an API token."""

from datetime import date

from django import forms
from django.utils import timezone

from classify_app.accounts.tokens import SCOPES
from classify_app.models import ApiToken


class TokenForm(forms.Form):
    name = forms.CharField(max_length=ApiToken._meta.get_field("name").max_length, help_text="What it is for.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        help_text="write: upload pictures; read: read their results.",
    )
    last_day = forms.DateField(
        label="Valid until", required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text="Optional."
    )

    def clean_last_day(self) -> date | None:
        last_day: date | None = self.cleaned_data["last_day"]
        if last_day and last_day < timezone.now().date():
            raise forms.ValidationError("This day has passed.")
        return last_day
