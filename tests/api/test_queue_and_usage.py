"""GET /queue and GET /usage."""

from typing import Any

import pytest

import approvals.queue
from approvals.transitions import record_timeout
from tests.api.agent import Agent
from tests.api.refused import code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, answer, evidence_of, someone
from tracks.models import Track, Workspace

pytestmark = pytest.mark.usefixtures("clock")


def waiting(workspace: Workspace, prompt: str, **fields: Any) -> str:
    ask = AskFactory(track=TrackFactory(workspace=workspace), prompt=prompt, **fields)
    public_id: str = ask.public_id
    return public_id


def queue(agent: Agent, address: str = CFO) -> Any:
    return agent.get(f"/queue?approver={address}").json()


def test_overdue_first_then_by_due_at_then_oldest(
    agent: Agent, workspace: Workspace, clock: Clock
) -> None:
    days = 86_400
    oldest = waiting(workspace, "Oldest?", timeout_seconds=30 * days)
    clock.move(seconds=1)
    later = waiting(workspace, "Later?", due_at=clock.now.replace(day=25), timeout_seconds=9 * days)
    soon = waiting(workspace, "Soon?", due_at=clock.now.replace(day=24), timeout_seconds=9 * days)
    newest = waiting(workspace, "Newest?", timeout_seconds=9 * days)
    late = waiting(workspace, "Late?", due_at=clock.now.replace(day=21), timeout_seconds=9 * days)
    waiting(Workspace.objects.create(name="Other"), "Not here?")

    body = queue(agent, "CFO@Acme.com")

    assert [ask["id"] for ask in body["asks"]] == [late, soon, later, oldest, newest]
    assert (body["approver"], body["count"], body["overdue"]) == ("CFO@Acme.com", 5, 1)
    assert body["text"] == "5 approvals are waiting for you, 1 of them overdue; next: Late?"


def test_more_than_are_listed_are_counted(
    agent: Agent, workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals.queue, "MOST", 2)
    yesterday = clock.now.replace(day=21)
    for number in range(3):
        waiting(workspace, f"Number {number}?", due_at=yesterday)
    waiting(workspace, "Not late?")
    body = queue(agent)
    assert (body["count"], body["overdue"], len(body["asks"])) == (4, 3, 2)
    assert body["text"].startswith("4 approvals are waiting for you, 3 of them overdue; next: ")


def test_what_is_over_decided_or_another_s_does_not_wait(
    agent: Agent, workspace: Workspace, clock: Clock
) -> None:
    waiting(workspace, "Ends?", timeout_seconds=60)
    answer(AskFactory(track=TrackFactory(workspace=workspace)))
    waiting(workspace, "Another's?", approvers=["ceo@acme.com"])
    both = AskFactory(
        track=TrackFactory(workspace=workspace), approvers=[CFO, "ceo@acme.com"], needed=2
    )
    answer(both, evidence=evidence_of(someone(workspace, CFO)))
    clock.move(seconds=60)
    body = queue(agent)
    assert (body["count"], body["asks"]) == (0, [])
    assert body["text"] == "Nothing is waiting for you."


@pytest.mark.parametrize(
    ("prompts", "overdue", "text"),
    [
        (["Pay?"], 0, "1 approval is waiting for you; next: Pay?"),
        (["Pay\nnow"], 0, "1 approval is waiting for you; next: Pay now."),
        (["Pay?"], 1, "1 approval is waiting for you, overdue; next: Pay?"),
        (["A?", "B?"], 2, "2 approvals are waiting for you, all of them overdue; next: A?"),
        (
            ["x" * 200],
            0,
            f"1 approval is waiting for you; next: {'x' * 119}…",
        ),
    ],
)
def test_the_sentence(
    agent: Agent,
    workspace: Workspace,
    clock: Clock,
    prompts: list[str],
    overdue: int,
    text: str,
) -> None:
    for index, prompt in enumerate(prompts):
        due = clock.now.replace(hour=index) if index < overdue else None
        waiting(workspace, prompt, due_at=due)
    assert queue(agent)["text"] == text


def test_a_protected_request_is_not_read_aloud(agent: Agent, workspace: Workspace) -> None:
    AskFactory(track=TrackFactory(workspace=workspace, password="correct horse"))
    assert queue(agent)["text"] == (
        "1 approval is waiting for you; next: a protected request from Acme."
    )


@pytest.mark.parametrize("query", ["", "?approver=", "?approver=nobody", "?approver=a@b@c"])
def test_an_approver_is_an_address(agent: Agent, query: str) -> None:
    assert error_of(agent.get(f"/queue{query}"))[0] == "approver"


def test_an_escalated_request_is_in_the_next_one_s_queue(
    agent: Agent, track: Track, clock: Clock
) -> None:
    ask = AskFactory(track=track, timeout_seconds=60, escalate_to=["ceo@acme.com"])
    clock.move(seconds=60)
    record_timeout(track_id=track.pk)
    assert queue(agent)["count"] == 0
    (waits,) = queue(agent, "ceo@acme.com")["asks"]
    assert waits["escalated_from"] == ask.public_id
    assert agent.get(f"/asks/{ask.public_id}").json()["escalated_to"] == waits["id"]


# -- plans -----------------------------------------------------------------------------------------


def open_asks(agent: Agent, count: int) -> list[int]:
    """Open and cancel asks on one track; return the statuses that came back."""
    track = agent.post("/tracks", {"title": "A", "customer_email": CFO}).json()["id"]
    statuses = []
    for _ in range(count):
        response = agent.post(f"/tracks/{track}/asks", {"kind": "confirm", "prompt": "Go on?"})
        statuses.append(response.status_code)
        if response.status_code == 201:
            agent.post(f"/asks/{response.json()['id']}/cancel")
    return statuses


def already(workspace: Workspace, asks: int, plan: str) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(plan=plan)
    workspace.monthofasks_set.create(month="2026-11", asks=asks)


def test_the_free_plan_has_25_a_month(agent: Agent, workspace: Workspace, clock: Clock) -> None:
    Workspace.objects.update(plan="free")
    assert open_asks(agent, 26) == [201] * 25 + [402]
    usage = agent.get("/usage").json()
    assert usage == {"plan": "free", "month": "2026-11", "asks": 25, "limit": 25, "grace": None}
    clock.move(days=10)
    assert open_asks(agent, 1) == [201]
    assert agent.get("/usage").json()["asks"] == 1


def test_past_the_limit_nothing_is_written(agent: Agent, track: Track) -> None:
    already(track.workspace, 25, "free")
    body = {"kind": "confirm", "prompt": "Go on?"}
    with nothing_written():
        response = agent.post(f"/tracks/{track.public_id}/asks", body)
    assert code_of(response) == (402, "monthly_ask_limit_reached")


def test_refused_and_repeated_asks_do_not_count(agent: Agent, track: Track) -> None:
    body = {"kind": "confirm", "prompt": "Go on?", "key": "k"}
    path = f"/tracks/{track.public_id}/asks"
    agent.post(path, body, Idempotency_Key="i")
    agent.post(path, body, Idempotency_Key="i")
    agent.post(path, body)
    assert agent.post(path, body | {"key": "other"}).status_code == 409
    assert agent.get("/usage").json()["asks"] == 1


def test_escalated_asks_do_not_count(agent: Agent, track: Track, clock: Clock) -> None:
    already(track.workspace, 24, "free")
    AskFactory(track=track, timeout_seconds=60, escalate_to=["ceo@acme.com"])
    clock.move(seconds=60)
    record_timeout(track_id=track.pk)
    assert agent.get("/usage").json()["asks"] == 25


def test_the_grace_of_the_pro_plan_ends_after_a_hundred(agent: Agent, workspace: Workspace) -> None:
    already(workspace, 998, "pro")
    assert open_asks(agent, 2) == [201] * 2
    usage = agent.get("/usage").json()
    assert (usage["asks"], usage["limit"]) == (1000, 1000)
    assert usage["grace"] == {"asks_left": 100, "ends_at": None}
    assert open_asks(agent, 101) == [201] * 100 + [402]
    assert agent.get("/usage").json()["grace"] == {
        "asks_left": 0,
        "ends_at": "2026-11-23T10:00:00.000Z",
    }


def test_the_grace_of_the_pro_plan_ends_after_a_day(
    agent: Agent, workspace: Workspace, clock: Clock
) -> None:
    already(workspace, 1000, "pro")
    assert open_asks(agent, 1) == [201]
    clock.move(hours=24, milliseconds=-1)
    assert open_asks(agent, 1) == [201]
    clock.move(milliseconds=1)
    assert open_asks(agent, 1) == [402]
    clock.move(days=8)
    assert open_asks(agent, 1) == [201]


def test_the_unlimited_plan_counts_and_never_refuses(agent: Agent, workspace: Workspace) -> None:
    already(workspace, 10_000, "unlimited")
    assert open_asks(agent, 1) == [201]
    assert agent.get("/usage").json() == {
        "plan": "unlimited",
        "month": "2026-11",
        "asks": 10_001,
        "limit": None,
        "grace": None,
    }
