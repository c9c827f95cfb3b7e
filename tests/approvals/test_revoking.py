"""Staff takes back what browsers have proven; it takes effect with the next request (SE-04)."""

import pytest

from approvals.models import Ask
from approvals.verification import revoke_browsers
from config.errors import NotFound
from tests.api.refused import nothing_written
from tests.approvals.person import Person, code_in, mails, path_of
from tests.approvals.queue_person import sign_in
from tests.approvals.table import KIM, at
from tests.factories import CFO, AskFactory, WorkspaceFactory, kinds, someone
from tests.staff_actor import DANA, REASON
from tracks.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(track: object) -> Ask:
    ask: Ask = AskFactory(track=track, approvers=[CFO, KIM])
    return ask


def revoke(ask: Ask, address: str = CFO) -> int:
    return revoke_browsers(
        track_id=ask.track_id,
        workspace_id=ask.workspace_id,
        approver_id=someone(ask.track.workspace, address).pk,
        reason=REASON,
        actor=DANA,
    )


def can_answer(person: Person, ask: Ask) -> bool:
    return any(form.action.endswith("/answer") for form in person.get(path_of(ask)).forms)


def test_a_verified_browser_is_none_from_the_next_request_on(ask: Ask) -> None:
    cfo, kim = at(ask, CFO), at(ask, KIM)
    page = cfo.get(path_of(ask))
    assert revoke(ask) == 1
    assert cfo.send(page, "/answer", value="true").status == 403
    assert not can_answer(cfo, ask)
    assert can_answer(kim, ask)
    ask.refresh_from_db()
    assert ask.status == Ask.Status.OPEN


def test_the_door_from_the_queue_closes_too(ask: Ask) -> None:
    person = Person()
    sign_in(person)
    assert can_answer(person, ask)
    assert revoke(ask) == 1
    assert not can_answer(person, ask)


def test_it_is_on_record(ask: Ask) -> None:
    at(ask, CFO)
    at(ask, CFO)
    revoke(ask)
    assert kinds(ask.track)[-1] == "approver.revoked"
    event = Event.objects.get(type="approver.revoked")
    assert (event.actor_type, event.actor_name) == ("staff", DANA.name)
    assert event.data == {"approver": CFO, "browsers": 2, "reason": REASON}


def test_nobody_of_another_workspace(ask: Ask) -> None:
    other = someone(WorkspaceFactory(), CFO)
    with nothing_written(), pytest.raises(NotFound):
        revoke_browsers(
            track_id=ask.track_id,
            workspace_id=ask.workspace_id,
            approver_id=other.pk,
            reason=REASON,
            actor=DANA,
        )


def test_a_code_of_before_no_longer_works_and_a_new_one_does(track: object) -> None:
    ask = AskFactory(track=track)
    person = Person()
    person.ask_for_mail(ask)
    code = code_in(mails()[-1])
    revoke(ask)
    assert person.type_code(ask, code).status == 410
    person.verify(ask)
    assert can_answer(person, ask)
