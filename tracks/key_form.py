"""What staff say about an API key, checked."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from tracks.clock import database_now
from tracks.keys import LONGEST_OVERLAP
from tracks.models import ApiKey
from tracks.models.workspace import SCOPES
from tracks.staff.forms import PlainText, ReasonForm

_HOURS = LONGEST_OVERLAP // timedelta(hours=1)


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """A new key. What it may do is ticked, nothing by itself."""

    name = PlainText(
        max_length=120,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown to approvers as who is asking.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="What the agent may do. No key can answer a question.",
    )

    class Meta:
        model = ApiKey
        fields = ("workspace", "name", "scopes", "expires_at")

    def clean_expires_at(self) -> datetime | None:
        """Refuse a key that would never work."""
        ends: datetime | None = self.cleaned_data["expires_at"]
        if ends is not None and ends <= database_now():
            raise ValidationError("This has passed.")
        return ends


class RotationForm(ReasonForm):
    """How long the key before goes on working."""

    overlap = forms.IntegerField(
        label="Overlap in hours",
        min_value=0,
        max_value=_HOURS,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=f"Both keys work that long: 0 to {_HOURS} hours, which are 7 days.",
    )

    def clean_overlap(self) -> timedelta:
        """Return the overlap as a span of time."""
        hours: Any = self.cleaned_data["overlap"]
        return timedelta(hours=hours)
