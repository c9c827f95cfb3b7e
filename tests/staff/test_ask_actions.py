"""What staff may do with an ask or a track: by whom, with a reason, and what comes of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from approvals.models import Ask, Grant, Holder, Notification, Override
from tests.api.refused import nothing_written
from tests.approvals.table import KIM, SAM
from tests.browser.staff_scenes import waiting_ask
from tests.factories import CFO, AskFactory, TrackFactory, WorkspaceFactory, answer, kinds, someone
from tests.staff.conftest import Hire
from tracks.models import Event, Track

pytestmark = pytest.mark.django_db

WHY = "The CFO is in hospital."


@pytest.fixture
def ask(db: None) -> Ask:
    return waiting_ask()


def approver(ask: Ask) -> str:
    return str(someone(ask.track.workspace, CFO).pk)


FORMS: dict[str, Callable[[Ask], dict[str, Any]]] = {
    "nudge": lambda ask: {"approver": approver(ask)},
    "resend": lambda ask: {"approver": approver(ask)},
    "reassign": lambda ask: {"seat_id": ask.seats.get(position=0).pk, "to": SAM},
    "revoke_browsers": lambda ask: {"approver": approver(ask)},
    "withdraw": lambda ask: {},
    "override": lambda ask: {"value": "true"},
}
TRACK_FORMS: dict[str, dict[str, Any]] = {
    "set_password": {"password": "correct horse"},
    "clear_password": {},
}
OPERATORS = ["nudge", "resend", "reassign", "revoke_browsers", "withdraw"]
EVENTS = {
    "nudge": "ask.nudged",
    "resend": "ask.resent",
    "reassign": "ask.handed_over",
    "revoke_browsers": "approver.revoked",
    "withdraw": "input_request.cancelled",
    "override": "input_request.answered",
}


def path_of(ask: Ask, verb: str) -> str:
    return f"/admin/approvals/ask/{ask.pk}/{verb}/"


def send(client: Client, ask: Ask, verb: str, **changes: Any) -> Any:
    form = {"reason": WHY} | FORMS[verb](ask) | changes
    return client.post(path_of(ask, verb), form)


@pytest.mark.parametrize("verb", FORMS)
def test_it_is_done_and_on_record_with_who_and_why(hire: Hire, ask: Ask, verb: str) -> None:
    client = hire("Owner" if verb == "override" else "Operator", ask.workspace, name="dana@a.co")
    assert client.get(path_of(ask, verb)).status_code == 200
    done = send(client, ask, verb)
    assert done.status_code == 302
    assert done["Location"] == f"/admin/approvals/ask/{ask.pk}/change/"
    event = Event.objects.filter(track=ask.track, type=EVENTS[verb]).latest("seq")
    assert (event.actor_type, event.actor_name) == ("staff", "dana@a.co")
    assert event.data is not None
    assert WHY in (event.data.get("reason"), event.data.get("comment"))


def test_what_came_of_each(hire: Hire, ask: Ask) -> None:
    client = hire("Owner", ask.workspace)
    send(client, ask, "nudge")
    assert Notification.objects.filter(ask=ask, kind="nudge").count() == 1
    send(client, ask, "resend")
    assert Notification.objects.filter(ask=ask, kind="ask", ordinal=1).count() == 1
    send(client, ask, "revoke_browsers")
    assert Grant.objects.filter(track=ask.track, revoked_at=None).count() == 0
    send(client, ask, "reassign")
    assert Holder.objects.acting().filter(ask=ask, approver__canonical=SAM).exists()
    send(client, ask, "override", value="false")
    override = Override.objects.get()
    assert (override.value, override.reason, override.ip) == (False, WHY, "127.0.0.1")
    other = waiting_ask()
    send(client, other, "withdraw")
    other.refresh_from_db()
    assert (other.status, other.cancel_reason) == ("cancelled", WHY)


def test_the_buttons_are_those_that_somebody_may_press(hire: Hire, ask: Ask) -> None:
    path = f"/admin/approvals/ask/{ask.pk}/change/"

    def verbs(client: Client) -> list[str]:
        return [each["title"] for each in client.get(path).context["verbs"]]

    owner = hire("Owner", ask.workspace)
    assert verbs(hire("Viewer", ask.workspace)) == []
    operators = ["Nudge", "Resend", "Reassign", "Revoke browsers", "Withdraw"]
    assert verbs(hire("Operator", ask.workspace)) == operators
    assert verbs(owner) == [*operators, "Override"]
    send(owner, ask, "withdraw")
    assert verbs(owner) == ["Revoke browsers"]


# -- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", FORMS)
def test_a_viewer_is_refused_by_direct_post_and_nothing_changes(
    hire: Hire, ask: Ask, verb: str
) -> None:
    client = hire("Viewer", ask.workspace)
    with nothing_written():
        assert client.get(path_of(ask, verb)).status_code == 403
        assert send(client, ask, verb).status_code == 403


@pytest.mark.parametrize("role", ["Operator", "Integrator"])
def test_only_an_owner_overrides(hire: Hire, ask: Ask, role: str) -> None:
    client = hire(role, ask.workspace)
    with nothing_written():
        assert send(client, ask, "override").status_code == 403


@pytest.mark.parametrize("verb", FORMS)
def test_an_ask_of_another_workspace_is_not_there(hire: Hire, ask: Ask, verb: str) -> None:
    client = hire("Owner", WorkspaceFactory())
    with nothing_written():
        assert send(client, ask, verb).status_code == 404


@pytest.mark.parametrize("verb", FORMS)
@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "\u202eevil"])
def test_a_reason_is_wanted_that_can_be_shown(hire: Hire, ask: Ask, verb: str, reason: str) -> None:
    client = hire("Owner", ask.workspace)
    with nothing_written():
        response = send(client, ask, verb, reason=reason)
    assert response.status_code == 200
    assert response.context["form"].errors["reason"]


@pytest.mark.parametrize("verb", [each for each in FORMS if each != "revoke_browsers"])
def test_a_closed_ask_stays_as_it_is(hire: Hire, ask: Ask, verb: str) -> None:
    client = hire("Owner", ask.workspace)
    form = {"reason": WHY} | FORMS[verb](ask)
    send(client, ask, "override")
    with nothing_written():
        response = client.post(path_of(ask, verb), form)
    assert response.status_code in (200, 403, 409)
    assert response.context["form"].errors


@pytest.mark.parametrize(
    ("verb", "changes", "field"),
    [
        ("nudge", {"approver": "nonsense"}, "approver"),
        ("resend", {"approver": "00000000-0000-0000-0000-000000000000"}, "approver"),
        ("reassign", {"to": "nobody"}, "to"),
        ("reassign", {"to": "a@b.co, c@d.co"}, "to"),
        ("reassign", {"seat_id": "0"}, "seat_id"),
        ("override", {"value": "maybe"}, "value"),
        ("override", {"value": ""}, "value"),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(
    hire: Hire, ask: Ask, verb: str, changes: dict[str, str], field: str
) -> None:
    client = hire("Owner", ask.workspace)
    with nothing_written():
        response = send(client, ask, verb, **changes)
    assert list(response.context["form"].errors) == [field]


def test_a_second_nudge_is_refused_in_words(hire: Hire, ask: Ask) -> None:
    client = hire("Operator", ask.workspace)
    send(client, ask, "nudge")
    again = send(client, ask, "nudge")
    assert again.status_code == 429
    assert "less than four hours ago" in again.content.decode()


def test_an_override_of_a_text_is_held_to_what_an_answer_is(hire: Hire, ask: Ask) -> None:
    asked = AskFactory(
        track=TrackFactory(workspace=ask.workspace), kind="text", config={"validate": "email"}
    )
    client = hire("Owner", ask.workspace)
    with nothing_written():
        wrong = client.post(path_of(asked, "override"), {"reason": WHY, "value": "no address"})
    assert list(wrong.context["form"].errors) == ["value"]
    client.post(path_of(asked, "override"), {"reason": WHY, "value": "cfo@acme.com"})
    assert Override.objects.get().value == "cfo@acme.com"


def test_somebody_who_has_decided_cannot_be_chosen(hire: Hire, ask: Ask) -> None:
    answer(ask, True)
    client = hire("Operator", ask.workspace)
    choices = client.get(path_of(ask, "nudge")).context["form"].fields["approver"].choices
    assert [address for _, address in choices] == [KIM, "lee@acme.com"]


# -- the password of a track -----------------------------------------------------------------------


def track_path(track: Track, verb: str) -> str:
    return f"/admin/tracks/track/{track.pk}/{verb}/"


def test_a_password_is_set_changed_and_cleared(hire: Hire, ask: Ask) -> None:
    client, track = hire("Operator", ask.workspace), ask.track
    form = {"reason": WHY, "password": "correct horse"}
    assert client.post(track_path(track, "set_password"), form).status_code == 302
    track.refresh_from_db()
    first = track.password_hash
    assert first is not None
    client.post(track_path(track, "set_password"), form | {"password": "battery staple"})
    track.refresh_from_db()
    assert track.password_hash not in (None, first)
    assert client.post(track_path(track, "clear_password"), {"reason": WHY}).status_code == 302
    track.refresh_from_db()
    assert track.password_hash is None
    assert kinds(track)[-3:] == ["track.updated"] * 3
    event = Event.objects.filter(track=track).latest("seq")
    assert event.data == {
        "changed": ["password"],
        "password_protected": False,
        "reason": WHY,
    }
    assert "correct horse" not in str(list(Event.objects.values_list("content__data")))


@pytest.mark.parametrize("password", ["", "short", "x" * 129, "\u202epassword"])
def test_a_password_is_held_to_what_the_api_takes(hire: Hire, ask: Ask, password: str) -> None:
    client = hire("Operator", ask.workspace)
    with nothing_written():
        response = client.post(
            track_path(ask.track, "set_password"), {"reason": WHY, "password": password}
        )
    assert list(response.context["form"].errors) == ["password"]


@pytest.mark.parametrize("verb", TRACK_FORMS)
def test_a_viewer_sets_no_password(hire: Hire, ask: Ask, verb: str) -> None:
    client = hire("Viewer", ask.workspace)
    with nothing_written():
        response = client.post(track_path(ask.track, verb), {"reason": WHY} | TRACK_FORMS[verb])
    assert response.status_code == 403
