"""What staff say beside a reason: which approver, which answer, which password."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from approvals import card
from approvals.forms import answer_form
from approvals.grants import Client
from approvals.models import Approver, Ask, Grant, Holder
from approvals.staff.dossier import clock_of
from tracks.addresses import NotAnAddress, check_address
from tracks.models import Track
from tracks.staff.forms import PlainText, ReasonForm

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128


class WhomForm(ReasonForm):
    """Asks about whom, among those who may decide an ask and have not."""

    wants_row = wants_request = True
    approver = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    field_order = ("approver", "reason")

    def __init__(self, data: Any = None, *, row: Any, request: HttpRequest) -> None:
        super().__init__(data)
        choices = [(str(each.pk), each.address) for each in self.people(row)]
        self.fields["approver"].choices = choices  # type: ignore[attr-defined]
        self.fields["approver"].initial = request.GET.get("approver")

    def people(self, row: Any) -> Iterable[Approver]:
        """Return who can be chosen."""
        return [each.approver for each in row.acting if each.decision is None]


class ReassignForm(ReasonForm):
    """Asks which place, and who decides there from now on."""

    wants_row = True
    seat_id = forms.TypedChoiceField(
        label="In place of", coerce=int, widget=UnfoldAdminSelectWidget
    )
    to = forms.CharField(
        label="E-mail address",
        widget=UnfoldAdminEmailInputWidget,
        help_text="They are told at once. Whoever could decide before is asked no longer.",
    )
    field_order = ("seat_id", "to", "reason")

    def __init__(self, data: Any = None, *, row: Ask) -> None:
        super().__init__(data)
        places: dict[int, list[Holder]] = {}
        for each in row.acting:
            if each.decision is None:
                places.setdefault(each.seat_id, []).append(each)
        self.fields["seat_id"].choices = [  # type: ignore[attr-defined]
            (seat, ", ".join(each.approver.address for each in there))
            for seat, there in places.items()
        ]

    def clean_to(self) -> str:
        """Take one e-mail address."""
        try:
            return check_address(self.cleaned_data["to"])
        except NotAnAddress:
            raise forms.ValidationError(
                "This is not an e-mail address, such as name@example.com."
            ) from None


class RevokeForm(WhomForm):
    """Asks whose browsers, among all who may have verified one on a track."""

    def people(self, row: Track | Ask) -> Iterable[Approver]:
        """Return whose mailbox could be proven there."""
        track = row if isinstance(row, Track) else row.track
        asked = Holder.objects.filter(ask__track=track).values("approver")
        proven = Grant.objects.filter(track=track, approver__isnull=False).values("approver")
        keys = asked.order_by().union(proven.order_by())
        return Approver.objects.filter(pk__in=keys).order_by("canonical")


class OverrideForm(ReasonForm):
    """Asks for the answer, as the card would, and keeps from where it was given."""

    wants_row = wants_request = True
    field_order = ("value", "reason")

    def __init__(self, data: Any = None, *, row: Ask, request: HttpRequest) -> None:
        super().__init__(data)
        self.ask, self.request = row, request
        self.fields["value"] = _answer_field(row)
        self.fields[
            "reason"
        ].help_text = "Shown with the outcome to everybody who has taken part, and goes on record."
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        """Hold the answer to what an approver's is held to."""
        cleaned = super().clean() or self.cleaned_data
        answer = answer_form(self.ask, {"value": self.data.get("value", "")})
        if not answer.is_valid() and "value" not in self.errors:
            self.add_error("value", answer.errors["value"].as_data())
        cleaned["value"] = answer.cleaned_data.get("value")
        return cleaned | {"client": Client.of(self.request)}


def _answer_field(ask: Ask) -> forms.Field:
    if ask.kind == Ask.Kind.TEXT:
        rows = {"rows": 3}
        return forms.CharField(
            label="Answer", strip=False, widget=UnfoldAdminTextareaWidget(attrs=rows)
        )
    choices = card.of(ask, clock=clock_of(ask)).choices
    return forms.ChoiceField(
        label="Answer",
        widget=UnfoldAdminRadioSelectWidget,
        choices=[
            (each.value, f"{each.label} (recorded as: {each.recorded_as})") for each in choices
        ],
    )


class PasswordForm(ReasonForm):
    """Asks for the password that a page wants from now on."""

    password = PlainText(
        min_length=SHORTEST_PASSWORD,
        max_length=LONGEST_PASSWORD,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="8 to 128 characters. Tell it to whoever is asked; Sayso mails it to nobody.",
    )
    field_order = ("password", "reason")
