"""Staff overrides a mirrored request: the record goes on as after any decision."""

import pytest

from approvals.models import Ask, Notification
from approvals.overriding import override_ask
from approvals.refusals import DecidedElsewhere
from mirroring import transitions
from tests.api.refused import nothing_written
from tests.approvals.proving import OFFICE
from tests.mirroring.test_apply import apply, run_consumers
from tests.staff_actor import DANA, REASON
from tracks.models import Step, Track, Workspace

pytestmark = pytest.mark.django_db


def override(ask: Ask, value: bool) -> None:
    override_ask(
        ask_id=ask.pk, track_id=ask.track_id, value=value, reason=REASON, actor=DANA, client=OFFICE
    )


@pytest.mark.parametrize(
    ("value", "status", "word"), [(True, "approved", "Approved"), (False, "rejected", "Denied")]
)
def test_the_record_is_settled_and_names_nobody(
    workspace: Workspace, value: bool, status: str, word: str
) -> None:
    record = apply(transitions.create_connection(workspace_id=workspace.pk, name="Expenses")[0])
    run_consumers()
    Notification.objects.update(sent_at="2026-01-01T00:00:00Z", next_attempt_at=None)
    override(Ask.objects.get(), value)
    run_consumers()
    record.refresh_from_db()
    assert record.status == status
    step = Step.objects.get(track=record.track, title="Decision")
    assert step.detail == f"{word} by the people who run Sayso"
    update = Notification.objects.get(kind="update")
    assert update.content == {
        "heading": "Decided by the people who run Sayso: " + ("approved" if value else "rejected"),
        "words": REASON,
        "url": "",
        "url_label": "",
    }


def test_what_is_decided_at_its_source_is_not_overridden_here(workspace: Workspace) -> None:
    apply(transitions.create_connection(workspace_id=workspace.pk, name="Expenses")[0])
    source = {"name": "Coupa", "url": None, "decides_there": True}
    Track.objects.update(source=source)
    with nothing_written(), pytest.raises(DecidedElsewhere):
        override(Ask.objects.get(), True)
