"""POST /tracks/{id}/asks: the rules of asking. The fields are in test_open_ask_fields.py."""

from typing import Any

import pytest

from approvals.models import Approver, Ask
from tests.api.agent import Agent
from tests.api.refused import code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, kinds
from tracks.models import Event, Track, Workspace

CONFIRM = {"kind": "confirm", "prompt": "Approve the new rate?"}


def ask(agent: Agent, track: Track, body: Any = CONFIRM, **headers: str) -> Any:
    return agent.post(f"/tracks/{track.public_id}/asks", body, **headers)


def test_an_ask_comes_back_with_everything_it_was_given(
    agent: Agent, track: Track, clock: Clock
) -> None:
    config = {
        "reject_label": "Hold for negotiation",
        "summary": {"Previous rate": "$2,400", "New rate": "$2,592"},
        "accept_label": "Approve the new rate",
        "description": "8% above contract.",
        "details": "Line one\nLine two",
        "if_accepted": "The invoice is paid on Friday.",
        "if_rejected": "The vendor is told.",
        "risk": "high",
    }
    digest = "sha256:" + "0123456789abcdef" * 4
    response = ask(
        agent,
        track,
        {
            "kind": "confirm",
            "prompt": "Acme Office Supplies invoice is 8% above contract. Approve?",
            "config": config,
            "timeout_seconds": 86400,
            "key": "invoice-7",
            "approvers": ["CEO@acme.com"],
            "needed": 1,
            "notify": False,
            "due_at": "2026-11-22T12:00:00.5+01:00",
            "action_digest": digest,
        },
    )
    stored = Ask.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": f"ask_{stored.pk.hex}",
        "track_id": track.public_id,
        "url": f"http://127.0.0.1:8000/t/{track.slug}",
        "key": "invoice-7",
        "kind": "confirm",
        "prompt": "Acme Office Supplies invoice is 8% above contract. Approve?",
        "config": config,
        "status": "open",
        "answer": None,
        "approvers": ["CEO@acme.com"],
        "needed": 1,
        "decisions": [],
        "asked_by": "Bookkeeper",
        "timeout_seconds": 86400,
        "expires_at": "2026-11-23T10:00:00.000Z",
        "due_at": "2026-11-22T11:00:00.500Z",
        "created_at": "2026-11-22T10:00:00.000Z",
        "closed_at": None,
        "cancel_reason": None,
        "escalated_from": None,
        "escalated_to": None,
        "display_digest": stored.display_digest,
        "action_digest": digest,
        "receipt_url": None,
    }
    assert list(response.json()["config"]) == list(config)
    assert list(response.json()["config"]["summary"]) == ["Previous rate", "New rate"]
    assert (stored.notify, stored.asked_by_key) == (False, stored.asked_by_key)
    assert len(stored.asked_by_key) == 12


def test_kind_and_prompt_are_enough(agent: Agent, track: Track, clock: Clock) -> None:
    body = ask(agent, track).json()
    assert body["config"] == {"accept_label": "Yes", "reject_label": "No"}
    assert body["approvers"] == ["cfo@acme.com"]
    assert (body["timeout_seconds"], body["expires_at"]) == (1800, "2026-11-22T10:30:00.000Z")
    assert (body["key"], body["due_at"], body["action_digest"], body["needed"]) == (
        None,
        None,
        None,
        1,
    )
    assert Ask.objects.get().notify is True


def test_one_event_holds_all_that_was_asked(agent: Agent, track: Track, clock: Clock) -> None:
    body = ask(agent, track, CONFIRM | {"key": "k"}).json()
    event = Event.objects.get(track=track, seq=2)
    assert (event.type, event.actor_type, event.actor_name) == (
        "input_request.created",
        "agent",
        "Bookkeeper",
    )
    assert event.data == {
        "ask_id": body["id"],
        "kind": "confirm",
        "prompt": "Approve the new rate?",
        "config": {"accept_label": "Yes", "reject_label": "No"},
        "approvers": ["cfo@acme.com"],
        "needed": 1,
        "asked_by": "Bookkeeper",
        "timeout_seconds": 1800,
        "expires_at": "2026-11-22T10:30:00.000Z",
        "due_at": None,
        "escalated_from": None,
        "display_digest": body["display_digest"],
        "action_digest": None,
    }


def test_the_name_of_the_key_is_copied_when_the_ask_is_opened(agent: Agent, track: Track) -> None:
    ask_id = ask(agent, track).json()["id"]
    track.workspace.api_keys.update(name="Renamed")
    assert agent.get(f"/asks/{ask_id}").json()["asked_by"] == "Bookkeeper"


def test_all_spellings_of_an_address_are_one_approver(agent: Agent, workspace: Workspace) -> None:
    """ML-20."""
    for address in ("CFO@Müller.de", "cfo@xn--mller-kva.de"):
        track = TrackFactory(workspace=workspace, customer_email=address)
        assert ask(agent, track).json()["approvers"] == ["CFO@Müller.de"]
        assert Event.objects.get(track=track, seq=2).data["approvers"] == ["CFO@Müller.de"]
    approver = Approver.objects.get()
    assert (approver.canonical, approver.address) == ("cfo@xn--mller-kva.de", "CFO@Müller.de")


def test_workspaces_do_not_share_approvers(agent: Agent, stranger: Agent, track: Track) -> None:
    ask(agent, track)
    theirs = stranger.post("/tracks", {"title": "A", "customer_email": "cfo@acme.com"}).json()
    stranger.post(f"/tracks/{theirs['id']}/asks", CONFIRM)
    assert Approver.objects.filter(canonical="cfo@acme.com").count() == 2


# -- what is refused -------------------------------------------------------------------------------


def test_somebody_must_be_there_to_ask(agent: Agent, workspace: Workspace) -> None:
    track = TrackFactory(workspace=workspace, customer_email=None)
    with nothing_written():
        response = ask(agent, track)
    assert code_of(response) == (409, "requires_customer_email")


@pytest.mark.parametrize("approvers", [None, ["ceo@acme.com"]])
def test_an_approver_can_be_named_instead(
    agent: Agent, workspace: Workspace, approvers: list[str] | None
) -> None:
    track = TrackFactory(workspace=workspace, customer_email=None if approvers else "cfo@acme.com")
    response = ask(agent, track, CONFIRM | {"approvers": approvers})
    assert response.json()["approvers"] == (approvers or ["cfo@acme.com"])


@pytest.mark.parametrize(
    ("requester", "approver"),
    [
        ("clerk@acme.com", "clerk@acme.com"),
        ("clerk@acme.com", "CLERK@Acme.COM"),
        ("clerk@xn--mller-kva.de", "Clerk@MÜLLER.de"),
        ("Clerk@Müller.de", "clerk@xn--mller-kva.de"),
    ],
)
def test_the_requester_cannot_approve_in_any_spelling(
    agent: Agent, workspace: Workspace, requester: str, approver: str
) -> None:
    track = TrackFactory(workspace=workspace, requester=requester)
    with nothing_written():
        response = ask(agent, track, CONFIRM | {"approvers": [approver]})
    assert code_of(response) == (422, "self_approval")
    assert error_of(response) == ("approvers", "self_approval")


def test_one_ask_is_open_on_a_track_at_a_time(agent: Agent, track: Track) -> None:
    """CO-04, one after the other."""
    first = ask(agent, track).json()
    with nothing_written():
        second = ask(agent, track, CONFIRM | {"prompt": "And this?"})
    assert code_of(second) == (409, "already_awaiting")
    assert second.json()["open_ask_id"] == first["id"]


def test_the_next_can_be_asked_once_the_first_is_closed(
    agent: Agent, track: Track, clock: Clock
) -> None:
    first = AskFactory(track=track)
    answer(first, True)
    second = ask(agent, track)
    assert second.status_code == 201
    agent.post(f"/asks/{second.json()['id']}/cancel")
    third = ask(agent, track, CONFIRM | {"timeout_seconds": 1})
    assert third.status_code == 201
    clock.move(seconds=1)
    assert ask(agent, track).status_code == 201
    assert kinds(track)[-2:] == ["input_request.timeout", "input_request.created"]


def test_a_closed_track_takes_no_ask(agent: Agent, track: Track) -> None:
    agent.post(f"/tracks/{track.public_id}/complete")
    with nothing_written():
        response = ask(agent, track)
    assert code_of(response) == (409, "track_closed")


# -- key -------------------------------------------------------------------------------------------

KEYED = CONFIRM | {"key": "invoice-7", "config": {"summary": {"a": "1"}}, "timeout_seconds": 60}


def close_by_answer(agent: Agent, found: Ask, clock: Clock) -> None:
    answer(found, True)


def close_by_cancel(agent: Agent, found: Ask, clock: Clock) -> None:
    agent.post(f"/asks/{found.public_id}/cancel")


def close_by_deadline(agent: Agent, found: Ask, clock: Clock) -> None:
    clock.move(seconds=60)


def close_the_track(agent: Agent, found: Ask, clock: Clock) -> None:
    agent.post(f"/tracks/{found.track.public_id}/complete")


def leave_open(agent: Agent, found: Ask, clock: Clock) -> None:
    pass


@pytest.mark.parametrize(
    ("meanwhile", "status"),
    [
        (leave_open, "open"),
        (close_by_answer, "answered"),
        (close_by_cancel, "cancelled"),
        (close_by_deadline, "timeout"),
        (close_the_track, "cancelled"),
    ],
)
def test_the_same_key_and_content_is_the_existing_ask_whatever_its_state(
    agent: Agent, track: Track, clock: Clock, meanwhile: Any, status: str
) -> None:
    first = ask(agent, track, KEYED).json()
    meanwhile(agent, Ask.objects.get(), clock)
    again = ask(agent, track, KEYED)
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["status"]) == (first["id"], status)
    assert Ask.objects.count() == 1
    assert kinds(track).count("input_request.created") == 1


def test_the_key_is_looked_at_before_the_open_ask(agent: Agent, track: Track) -> None:
    first = ask(agent, track, KEYED).json()
    agent.post(f"/asks/{first['id']}/cancel")
    AskFactory(track=track)
    again = ask(agent, track, KEYED)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])


@pytest.mark.parametrize(
    "body",
    [
        KEYED | {"config": {"accept_label": "Yes", "reject_label": "No", "summary": {"a": "1"}}},
        KEYED | {"notify": True, "needed": 1, "approvers": None, "due_at": None},
        {name: KEYED[name] for name in reversed(KEYED)},
    ],
)
def test_what_means_the_same_is_the_same_content(
    agent: Agent, track: Track, body: dict[str, Any]
) -> None:
    ask(agent, track, KEYED)
    assert ask(agent, track, body).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "text", "config": {}},
        {"prompt": "Another?"},
        {"config": {"summary": {"a": "2"}}},
        {"config": {"summary": [["a", "1"]]}},
        {"config": {"summary": {"a": "1"}, "risk": "low"}},
        {"timeout_seconds": 61},
        {"approvers": ["cfo@acme.com"]},
        {"notify": False},
        {"due_at": "2026-11-22T12:00:00Z"},
        {"action_digest": "sha256:" + "0" * 64},
    ],
)
@pytest.mark.parametrize("is_closed", [False, True])
def test_the_same_key_with_other_content_is_refused_whatever_the_state(
    agent: Agent, track: Track, change: dict[str, Any], is_closed: bool
) -> None:
    ask(agent, track, KEYED)
    if is_closed:
        agent.post(f"/tracks/{track.public_id}/complete")
    with nothing_written():
        response = ask(agent, track, KEYED | change)
    assert code_of(response) == (422, "idempotency_mismatch")


def test_a_key_is_unique_on_its_track_alone(agent: Agent, track: Track) -> None:
    other = TrackFactory(workspace=track.workspace)
    assert ask(agent, track, KEYED).status_code == 201
    assert ask(agent, other, KEYED | {"prompt": "Another?"}).status_code == 201


def test_asks_without_a_key_are_never_the_same(agent: Agent, track: Track) -> None:
    first = ask(agent, track).json()
    agent.post(f"/asks/{first['id']}/cancel")
    second = ask(agent, track)
    assert (second.status_code, second.json()["id"] == first["id"]) == (201, False)
