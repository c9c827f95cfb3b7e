"""GET /asks."""

import pytest

from approvals.models import Ask
from tests.api.agent import Agent
from tests.api.refused import code_of, error_of
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, config_of
from tracks.models import Workspace


def ids(agent: Agent, query: str = "") -> list[str]:
    response = agent.get(f"/asks{query}")
    assert response.status_code == 200
    return [ask["id"] for ask in response.json()["data"]]


def ask(workspace: Workspace, *, address: str = "cfo@acme.com", **fields: object) -> Ask:
    track = TrackFactory(workspace=workspace, customer_email=address)
    return AskFactory(track=track, **fields)


def test_asks_are_listed_newest_first_each_as_it_is_read_alone(
    agent: Agent, workspace: Workspace
) -> None:
    asks = [ask(workspace, kind=kind) for kind in ("confirm", "text", "choice")]
    answer(asks[1], "Because.")
    alone = [agent.get(f"/asks/{each.public_id}").json() for each in reversed(asks)]
    assert agent.get("/asks").json() == {"data": alone, "next_cursor": None}


def test_asks_are_filtered_by_the_status_that_is_shown(
    agent: Agent, workspace: Workspace, clock: Clock
) -> None:
    still_open = ask(workspace)
    overdue = ask(workspace, timeout_seconds=60)
    answered = ask(workspace)
    cancelled = ask(workspace)
    answer(answered, True)
    agent.post(f"/asks/{cancelled.public_id}/cancel")
    clock.move(seconds=60)
    assert ids(agent, "?status=open") == [still_open.public_id]
    assert ids(agent, "?status=timeout") == [overdue.public_id]
    assert ids(agent, "?status=answered") == [answered.public_id]
    assert ids(agent, "?status=cancelled") == [cancelled.public_id]
    (shown,) = agent.get("/asks?status=timeout").json()["data"]
    assert (shown["status"], shown["closed_at"]) == ("timeout", shown["expires_at"])


def test_asks_are_filtered_by_kind_and_risk(agent: Agent, workspace: Workspace) -> None:
    plain = ask(workspace)
    risky = ask(workspace, kind="text", config=config_of("text") | {"risk": "high"})
    assert ids(agent, "?kind=text") == ids(agent, "?risk=high") == [risky.public_id]
    assert ids(agent, "?kind=confirm") == [plain.public_id]
    assert ids(agent, "?kind=choice") == ids(agent, "?risk=low") == []
    assert ids(agent, "?kind=confirm&risk=high") == []


def test_asks_are_filtered_by_track(agent: Agent, workspace: Workspace) -> None:
    one, other = ask(workspace), ask(workspace)
    assert ids(agent, f"?track={one.track.public_id}") == [one.public_id]
    assert ids(agent, f"?track={other.track.public_id}&kind=text") == []


@pytest.mark.parametrize("track", ["trk_" + "0" * 32, "ask_" + "0" * 32, "foo", "", "%00"])
def test_a_track_that_is_not_ours_has_no_asks(
    agent: Agent, workspace: Workspace, track: str
) -> None:
    ask(workspace)
    assert ids(agent, f"?track={track}") == []


def test_asks_are_filtered_by_approver_in_any_spelling(agent: Agent, workspace: Workspace) -> None:
    wanted = ask(workspace, address="CFO@Müller.de")
    ask(workspace)
    for spelling in ("cfo@m%C3%BCller.de", "CFO@XN--MLLER-KVA.DE"):
        assert ids(agent, f"?approver={spelling}") == [wanted.public_id]
    assert ids(agent, "?approver=nobody@acme.com") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=foo", "status"),
        ("status=", "status"),
        ("kind=Confirm", "kind"),
        ("risk=extreme", "risk"),
        ("approver=nobody", "approver"),
        ("approver=", "approver"),
        ("approver=%00", "approver"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("cursor=garbage", "cursor"),
    ],
)
def test_a_parameter_that_is_not_one_of_its_values_is_refused(
    agent: Agent, query: str, field: str
) -> None:
    response = agent.get(f"/asks?{query}")
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == field


def test_an_unknown_parameter_is_ignored(agent: Agent, workspace: Workspace) -> None:
    found = ask(workspace)
    assert ids(agent, "?foo=1&format=xml&workspace=x") == [found.public_id]
