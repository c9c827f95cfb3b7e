"""GET /asks/{id}/receipt. What a receipt says is in tests/approvals/test_receipt.py."""

import pytest

from approvals import receipts
from tests.api.agent import Agent
from tests.api.refused import code_of
from tests.conftest import Clock
from tests.factories import AskFactory, answer, issue_key
from tracks.models import Track


def test_the_receipt_of_an_answered_ask_is_read(agent: Agent, track: Track) -> None:
    ask = AskFactory(track=track)
    answer(ask, True)
    response = agent.get(f"/asks/{ask.public_id}/receipt")
    assert (response.status_code, response.json()) == (200, receipts.of_ask(ask.pk))
    assert response.json()["receipt"]["ask_id"] == ask.public_id


def test_an_ask_without_an_answer_has_no_receipt(agent: Agent, track: Track, clock: Clock) -> None:
    ask = AskFactory(track=track, timeout_seconds=1)
    assert code_of(agent.get(f"/asks/{ask.public_id}/receipt")) == (404, "not_found")
    clock.move(seconds=1)
    assert code_of(agent.get(f"/asks/{ask.public_id}/receipt")) == (404, "not_found")
    agent.post(f"/asks/{ask.public_id}/cancel")
    assert code_of(agent.get(f"/asks/{ask.public_id}/receipt")) == (404, "not_found")


@pytest.mark.parametrize("scopes", [["asks:read", "asks:write"], []])
def test_reading_an_ask_is_not_enough_for_its_receipt(track: Track, scopes: list[str]) -> None:
    ask = AskFactory(track=track)
    answer(ask, True)
    reader = Agent(issue_key(track.workspace, scopes=scopes))
    assert code_of(reader.get(f"/asks/{ask.public_id}/receipt")) == (403, "missing_scope")
