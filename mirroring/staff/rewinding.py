"""Where the next pass begins: at the start, or, for systems that know times, at one of them."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminRadioSelectWidget

from approvals.display_time import zone_named
from mirroring import connecting
from mirroring.connectors.base import BadConfig, CursorKind
from mirroring.connectors.keyset import BEGINNING
from mirroring.connectors.rewinding import NO_TIMES, is_from_start
from mirroring.models import Connection
from mirroring.refusals import NotPolled
from mirroring.standing import poll_of
from tracks.staff.forms import PastMoment, ReasonForm

START, TIME = "start", "time"
TO_THE_START = (START, "To the start")
TO_A_TIME = (TIME, "To a date and time")


class RewindForm(ReasonForm):
    """Asks where the next pass begins. Where no time can be named, it says why."""

    wants_row = True
    field_order = ("to", "since", "reason")

    to = forms.ChoiceField(
        label="How far back",
        choices=(TO_THE_START, TO_A_TIME),
        initial=START,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    since = PastMoment(required=False)

    def __init__(self, *args: Any, row: Connection, **options: Any) -> None:
        super().__init__(*args, **options)
        to, since = self.fields["to"], self.fields["since"]
        assert isinstance(to, forms.ChoiceField)
        assert isinstance(since, PastMoment)
        why = why_from_the_start(row)
        if why:
            to.choices, to.help_text = [TO_THE_START], why
            del self.fields["since"]
            return
        since.zone = zone_named(row.workspace.time_zone)
        since.label = f"Date and time ({since.zone})"
        since.help_text = "In the workspace's time zone. What has changed since then is read again."

    def clean_since(self) -> datetime | None:
        """Take a time that no system is older than."""
        since: datetime | None = self.cleaned_data["since"]
        if since is not None and since < BEGINNING:
            raise ValidationError("Nothing is as old as that. Choose the start instead.")
        return since

    def clean(self) -> dict[str, Any]:
        """Take a time where one was chosen, and none where it was not."""
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        to, since = typed.pop("to", None), typed.get("since")
        if to == TIME and since is None and "since" not in self.errors:
            self.add_error("since", "Say from when on it is read again.")
        if to == START and since is not None:
            self.add_error("since", "The start was chosen. Leave this empty, or choose a time.")
        return typed


def why_from_the_start(connection: Connection) -> str:
    """Return why a connection can be rewound to the start alone; "" where a time can be named."""
    poll = poll_of(connection)
    if poll is None:
        return NotPolled.title
    try:
        kind = connecting.connector_for(connection).capabilities().cursor
    except BadConfig as error:
        return f"Its settings are not right any more: {error}"
    if kind != CursorKind.KEYSET:
        return NO_TIMES[kind]
    if poll.is_loading or is_from_start(poll.cursor):
        return "The pass that begins at the start is not over yet."
    return ""
