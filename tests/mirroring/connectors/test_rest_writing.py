"""The declarative connector writes: decisions that are looked at before and after, and notes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mirroring.connectors.base import (
    Actor,
    ConnectorError,
    NoteTime,
    Outcome,
    Result,
)
from mirroring.connectors.rest import Rest
from tests import receivers
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, rest, row

ACTOR = Actor(
    email="al@corp.example",
    name="Al",
    decided_at=datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
    receipt="rcp_1",
)
STATEMENT = (
    "Approve: decided by Al <al@corp.example> at 2026-11-22 10:30 UTC "
    "through Sayso (receipt rcp_1)."
)


def decide(connector: Rest, choice: str = "approve", *, comment: str = "", **by: str) -> Outcome:
    expected = by.get("expected") or connector.get("7").revision
    return connector.decide(
        "7", choice, actor=ACTOR, comment=comment, expected=expected, key="sayso-1"
    )


def decided_after(api: Api, writes: int = 1, **answer: Any) -> None:
    """Let the approval be waiting until it was written to."""
    api.on("GET /approvals/7", *[row()] * (1 + writes), row(status="yes"))
    api.on("POST /approvals/7/yes", **{"status": 200, **answer})
    api.answers["POST /approvals/7/yes"] = [receivers.reply(answer.get("status", 200), b"{}")]


def test_a_decision_is_sent_and_read_back(api: Api) -> None:
    decided_after(api)
    assert decide(rest(api.url)).result == Result.APPLIED
    sent = api.asked("POST")[0]
    assert sent.json == {"reason": f"{STATEMENT}\n\n[sayso-1]"}
    assert len(api.asked("GET")) == 3
    assert rest(api.url).capabilities().note == NoteTime.WITH_DECISION


def test_placeholders_keep_their_types_in_a_body(api: Api) -> None:
    decided_after(api)
    body = {
        "step": "{item.step}",
        "text": "step {item.step} of {{7}}",
        "by": ["{actor.email}", "{actor.name}", "{receipt}", "{decided_at}"],
        "choice": "{choice}",
        "comment": "{comment}",
        "known": {"final": True, "count": 3, "none": None},
    }
    api.on("GET /approvals/7", row(step=4), row(step=4), row(step=4, status="yes"))
    connector = rest(
        api.url,
        item__values={"step": "step"},
        decide__approve__request={"path": "/approvals/{id}/yes", "body": body},
        does_not_name_the_person=True,
    )
    assert decide(connector, comment='"Fine"').result == Result.APPLIED
    assert api.asked("POST")[0].json == {
        "step": 4,
        "text": "step 4 of {7}",
        "by": ["al@corp.example", "Al", "rcp_1", "2026-11-22T10:30:00+00:00"],
        "choice": "approve",
        "comment": '"Fine"',
        "known": {"final": True, "count": 3, "none": None},
    }


def test_a_form_is_sent_as_one(api: Api) -> None:
    decided_after(api)
    request = {
        "path": "/approvals/{id}/yes",
        "form": True,
        "body": {"say": "{comment}", "by": "{actor.email}"},
    }
    assert decide(rest(api.url, decide__approve__request=request), comment="a&b=ü").result
    assert api.asked("POST")[0].body == b"say=a%26b%3D%C3%BC&by=al%40corp.example"


@pytest.mark.parametrize(
    ("header", "value", "sent"), [("If-Match", "{etag}", '"62"'), ("X-Version", "{revision}", "v3")]
)
def test_a_precondition_is_what_was_just_read(api: Api, header: str, value: str, sent: str) -> None:
    api.on("GET /approvals/7", row(version="v3"), ETag='"62"')
    api.on("POST /approvals/7/yes", {}, status=412)
    connector = rest(api.url, item__revision="version", precondition={"headers": {header: value}})
    assert connector.capabilities().precondition is True
    assert decide(connector).result == Result.CONFLICT
    assert api.asked("POST")[0].headers[header.lower()] == sent


@pytest.mark.parametrize(
    ("now", "result"),
    [
        ({"status": "yes"}, Result.ALREADY_SAME),
        ({"status": "no"}, Result.CONFLICT),
        ({"status": "on hold"}, Result.CONFLICT),
        ({"total": {"value": 999, "unit": "EUR"}}, Result.CONFLICT),
        ({"deciders": []}, Result.CONFLICT),
    ],
)
def test_what_is_not_as_it_was_judged_is_left_alone(
    api: Api, now: dict[str, Any], result: Result
) -> None:
    api.on("GET /approvals/7", row(), row(**now))
    assert decide(rest(api.url)).result == result
    assert api.asked("POST") == []


def test_a_comment_that_the_system_wants_is_asked_for_here(api: Api) -> None:
    api.on("GET /approvals/7", row())
    assert decide(rest(api.url), "deny", comment="  ").result == Result.NEEDS_INPUT
    assert api.asked("POST") == []


def test_success_that_changed_nothing_is_none(api: Api) -> None:
    api.on("GET /approvals/7", row())
    api.on("POST /approvals/7/yes", {"message": "Not in this status"})
    outcome = decide(rest(api.url))
    assert outcome.result == Result.UNKNOWN
    assert "Not in this status" in outcome.detail


def test_an_answer_that_never_came_is_not_sent_again(api: Api) -> None:
    api.on("GET /approvals/7", row())
    api.on("POST /approvals/7/yes", receivers.reset)
    assert decide(rest(api.url)).result == Result.UNKNOWN
    assert len(api.asked("POST")) == 1


def test_an_error_after_the_commit_is_unknown(api: Api) -> None:
    decided_after(api, status=500)
    connector = rest(api.url)
    assert decide(connector).result == Result.UNKNOWN
    assert connector.get("7").state == "approved"


def test_outcomes_are_known_by_status_and_by_body(api: Api) -> None:
    api.on("GET /approvals/7", row())
    api.on(
        "POST /approvals/7/yes",
        receivers.reply(200, b'{"code": "QUEUED"}'),
        receivers.reply(400, b'{"code": "CLOSED"}'),
        receivers.reply(400, b'{"code": "REASON"}'),
        receivers.reply(400, b"[1]"),
        receivers.reply(418, b""),
    )
    connector = rest(
        api.url,
        outcomes=[
            {"status": [400, 409], "when": "code == 'CLOSED'", "outcome": "conflict"},
            {"status": 400, "when": "code == 'REASON'", "outcome": "needs_input"},
            {"status": 418, "outcome": "forbidden"},
        ],
        decide__approve__outcomes=[{"when": "code == 'QUEUED'", "outcome": "accepted"}],
    )
    assert [decide(connector).result for _ in range(5)] == [
        Result.ACCEPTED,
        Result.CONFLICT,
        Result.NEEDS_INPUT,
        Result.UNKNOWN,
        Result.FORBIDDEN,
    ]


def test_the_state_can_be_read_back_elsewhere(api: Api) -> None:
    api.on("GET /approvals/7", row())
    api.on("POST /approvals/7/yes", {})
    api.on("GET /state/7", {"now": "yes"})
    verify = {"request": {"path": "/state/{id}"}, "state": "now"}
    assert decide(rest(api.url, verify=verify)).result == Result.APPLIED
    assert len(api.asked("GET /state/7")) == 1


def test_secrets_stay_out_of_the_outcome(api: Api) -> None:
    api.on("GET /approvals/7", row())
    api.on("POST /approvals/7/yes", f"denied for {SECRET}".encode(), status=400)
    assert SECRET not in decide(rest(api.url)).detail


# -- notes -----------------------------------------------------------------------------------------


def noting(url: str, when: str, **changes: Any) -> Rest:
    note = {
        "when": when,
        "request": {"path": "/approvals/{id}/notes", "body": {"text": "{text}"}},
        "existing": {"request": {"path": "/approvals/{id}/notes"}, "texts": "notes[].text"},
    }
    return rest(url, note=note, **changes)


def test_a_note_is_written_unless_its_marker_is_there(api: Api) -> None:
    api.on("GET /approvals/7", row())
    api.on("GET /approvals/7/notes", {"notes": []}, {"notes": [{"text": "Hello\n\n[m-1]"}]})
    api.on("POST /approvals/7/notes", {}, status=201)
    connector = noting(api.url, "after_decision")
    connector.note("7", "Hello", "m-1")
    connector.note("7", "Hello", "m-1")
    assert [seen.json for seen in api.asked("POST")] == [{"text": "Hello\n\n[m-1]"}]
    capabilities = connector.capabilities()
    assert (capabilities.note, capabilities.note_once) == (NoteTime.AFTER_DECISION, True)


def test_a_note_can_come_before_the_decision(api: Api) -> None:
    decided_after(api, writes=2)
    api.on("GET /approvals/7/notes", {"notes": []})
    api.on("POST /approvals/7/notes", {}, status=201)
    assert decide(noting(api.url, "before_decision"), comment="Fine.").result == Result.APPLIED
    noted, decided = api.asked("POST")
    assert noted.json == {"text": f"{STATEMENT}\n\nFine.\n\n[sayso-1]"}
    assert decided.line.startswith("POST /approvals/7/yes ")


def test_a_note_that_is_refused_leaves_the_approval_undecided(api: Api) -> None:
    api.on("GET /approvals/7", row())
    api.on("GET /approvals/7/notes", {"notes": []})
    api.on("POST /approvals/7/notes", {}, status=403)
    assert decide(noting(api.url, "before_decision")).result == Result.FORBIDDEN
    assert len(api.asked("POST")) == 1


def test_what_changes_while_the_note_is_written_is_not_decided(api: Api) -> None:
    dearer = row(total={"value": 999, "unit": "EUR"})
    api.on("GET /approvals/7", row(), row(), dearer)
    api.on("GET /approvals/7/notes", {"notes": []})
    api.on("POST /approvals/7/notes", {}, status=201)
    assert decide(noting(api.url, "before_decision")).result == Result.CONFLICT
    assert len(api.asked("POST")) == 1


def test_a_note_that_fails_says_so(api: Api) -> None:
    api.on("GET /approvals/7", row())
    with pytest.raises(ConnectorError):
        noting(api.url, "after_decision").note("7", "Hello", "m-1")


def test_where_there_are_no_notes_none_is_written(api: Api) -> None:
    rest(api.url).note("7", "Hello", "m-1")
    assert api.asked() == []
