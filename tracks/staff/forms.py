"""What staff type, checked as everything is that somebody else will read."""

from datetime import UTC, tzinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from tracks import textpolicy
from tracks.clock import database_now

LONGEST_REASON = 500


class PlainText(forms.CharField):
    """A text that the text policy takes as it stands."""

    def __init__(self, *, multiline: bool = False, **options: Any) -> None:
        super().__init__(strip=False, **options)
        self.multiline = multiline

    def to_python(self, value: Any) -> str:
        typed = super().to_python(value) or ""
        if textpolicy.is_blank(typed):
            return ""
        try:
            return textpolicy.clean(typed, multiline=self.multiline)
        except textpolicy.UnsafeText as error:
            raise ValidationError(
                f"Character {error.offset + 1} ({error.label}) cannot be taken: {error.reason}.",
                code="unsafe_text",
            ) from None


class PastMoment(forms.DateTimeField):
    """A time that has been, as clocks of a zone show it; one shown twice or never is refused."""

    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local", "step": "1"})
    zone: tzinfo = UTC

    def to_python(self, value: Any) -> Any:
        with timezone.override(self.zone):
            return super().to_python(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and value > database_now():
            raise ValidationError("This is still to come.")


class ReasonForm(forms.Form):
    """Asks why. An action that wants to know more adds its fields."""

    reason = PlainText(
        multiline=True,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=f"Goes on record, at most {LONGEST_REASON} characters.",
    )
