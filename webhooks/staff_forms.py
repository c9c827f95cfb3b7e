"""What staff fill in about webhook endpoints, checked as the API checks it."""

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tracks.event_types import EVENT_TYPES
from tracks.staff.forms import PastMoment, PlainText, ReasonForm
from webhooks.bodies import DEFAULT_OVERLAP, LONGEST_OVERLAP
from webhooks.models import Endpoint
from webhooks.refusals import EndpointUrlRefused
from webhooks.transitions import check_url

OVERLAPS = (
    (0, "none: what is sent from now on has the new signature alone"),
    (3600, "an hour"),
    (DEFAULT_OVERLAP, "a day"),
    (LONGEST_OVERLAP, "a week"),
)


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    url = forms.CharField(
        label="URL",
        max_length=2048,
        strip=False,
        widget=UnfoldAdminTextInputWidget(attrs={"class": "vLargeTextField"}),
        help_text="https, with a name or address that may be called from here.",
    )
    event_types = forms.MultipleChoiceField(
        label="Event types",
        required=False,
        choices=[(each, each) for each in EVENT_TYPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None means all.",
    )
    description = PlainText(max_length=500, required=False, widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = Endpoint
        fields = ("workspace", "url", "event_types", "description", "scheme")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_url(url)
        except EndpointUrlRefused as refusal:
            raise ValidationError(refusal.detail, code=refusal.code) from None
        return url


class RotateForm(ReasonForm):
    overlap = forms.TypedChoiceField(
        label="How long the secret before signs, too",
        coerce=int,
        choices=OVERLAPS,
        initial=DEFAULT_OVERLAP,
        widget=UnfoldAdminSelectWidget,
    )
    force = forms.BooleanField(
        label="Even if the one before that still signs",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="A second rotation within an overlap is refused without this.",
    )


class RecoverForm(ReasonForm):
    since = PastMoment(
        label="Since (UTC)",
        help_text="Whatever was made since then and has not arrived is sent again.",
    )


class ResumeForm(ReasonForm):
    recover = forms.BooleanField(
        label="Send what was held back meanwhile",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
    )
