"""Staff overrides while the approver answers and the agent withdraws: one of them happens."""

from collections import Counter
from functools import partial

import pytest

from approvals.models import Answer, Ask, Decision, Override
from approvals.overriding import override_ask
from approvals.transitions import cancel_ask
from tests.approvals.proving import OFFICE
from tests.factories import AGENT, AskFactory, answer, evidence_of, kinds, someone
from tests.faults.racing import at_once_in_database
from tests.staff_actor import DANA, REASON
from tracks.models import Track

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("shared_database")]

RACES = 150
FINAL = ("input_request.answered", "input_request.cancelled", "input_request.timeout")


def test_exactly_one_of_override_answer_and_cancel_happens(track: Track) -> None:
    evidence = evidence_of(someone(track.workspace, "cfo@acme.com"))
    winners: Counter[str] = Counter()
    for number in range(RACES):
        ask = AskFactory(track=track)
        calls = [
            partial(
                override_ask,
                ask_id=ask.pk,
                track_id=track.pk,
                value=False,
                reason=REASON,
                actor=DANA,
                client=OFFICE,
            ),
            partial(answer, ask, True, evidence=evidence, form_nonce=f"{number}"),
            partial(
                cancel_ask, ask_id=ask.pk, workspace_id=ask.workspace_id, reason=None, actor=AGENT
            ),
        ]
        turned = number % 3  # whoever is started first has a little more of a chance
        results = at_once_in_database(*calls[turned:], *calls[:turned])
        names = [type(each).__name__ for each in results]
        assert names.count("AskNotOpen") == 2, results
        (winner,) = set(names) - {"AskNotOpen"}
        winners[winner] += 1

    assert set(winners) == {"Override", "Decision", "Ask"}, "a race that one always wins is none"
    assert Override.objects.count() == winners["Override"]
    assert Decision.objects.count() == winners["Decision"]
    assert Answer.objects.count() == winners["Override"] + winners["Decision"]
    assert Ask.objects.filter(status="cancelled").count() == winners["Ask"]
    assert sum(kinds(track).count(each) for each in FINAL) == RACES
