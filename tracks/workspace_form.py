"""What staff may say about a workspace, checked."""

from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from tracks.addresses import NotAnAddress, canonical_address, check_address
from tracks.models import Workspace

MOST_ADDRESSES = 20
LONGEST = 2_592_000  # seconds; 30 days, as long as an ask can be open


class AddressList(forms.CharField):
    """E-mail addresses, one a line, distinct."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != data)

    def clean(self, value: Any) -> list[str]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > MOST_ADDRESSES:
            raise ValidationError(f"At most {MOST_ADDRESSES} addresses.")
        try:
            addresses = [check_address(line) for line in lines]
        except NotAnAddress as error:
            raise ValidationError(str(error)) from None
        if len({canonical_address(each) for each in addresses}) != len(addresses):
            raise ValidationError("Each address once.")
        return addresses


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]
    escalate_to = AddressList(
        required=False,
        label="Ask next",
        help_text="One address a line: asked in this order when nobody has answered, where a "
        "request does not say so itself.",
    )

    class Meta:
        model = Workspace
        fields = (
            "name",
            "time_zone",
            "contact_email",
            "plan",
            "delegation",
            "escalate_to",
            "escalate_after_seconds",
            "requires_totp",
        )
        labels: ClassVar = {"requires_totp": "Second factor required"}

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"]
        if zone not in available_timezones():
            raise ValidationError("No such time zone; they are called Europe/Berlin, or UTC.")
        return zone

    def clean_escalate_after_seconds(self) -> int | None:
        seconds: int | None = self.cleaned_data["escalate_after_seconds"]
        if seconds is not None and not 0 < seconds <= LONGEST:
            raise ValidationError(f"Between 1 and {LONGEST:,} seconds.")
        return seconds

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if found.get("escalate_after_seconds") and found.get("escalate_to") == []:
            self.add_error("escalate_to", "Say who is asked then.")
        return found
