"""Several people at the table of one request, each with a browser that has proven a mailbox."""

from typing import Any

from approvals.grants import grant
from approvals.models import Ask, Decision, Grant
from tests.approvals.person import Page, Person, path_of
from tests.approvals.proving import OFFICE
from tests.factories import (
    CFO,
    AskFactory,
    answer,
    evidence_of,
    someone,
)
from tracks.clock import database_now
from tracks.models import Track

KIM, SAM, LEE = "kim@acme.com", "sam@acme.com", "lee@acme.com"
REASON = "Sam knows this vendor."


def several(track: Track, **fields: Any) -> Ask:
    fields = {"approvers": [CFO, KIM, LEE], "needed": 2, "notify": False} | fields
    return AskFactory(track=track, **fields)


def at(ask: Ask, address: str) -> Person:
    """Return somebody who has proven one of the mailboxes."""
    person = Person()
    person.get("/")
    token = grant(
        track=ask.track,
        token=None,
        kind=Grant.Kind.VERIFIED,
        method=Grant.Method.CODE,
        approver=someone(ask.track.workspace, address),
        client=OFFICE,
        now=database_now(),
    )
    person.client.cookies["sayso-vs"] = token
    return person


def says(ask: Ask, address: str, value: bool = True) -> Decision:
    evidence = evidence_of(someone(ask.track.workspace, address))
    return answer(ask, value, evidence=evidence, form_nonce=f"form of {address}")


def hand_over(person: Person, ask: Ask, to: str = SAM, reason: str = REASON) -> Page:
    return person.send(person.get(path_of(ask)), "/hand-over", to=to, reason=reason)


def forms_of(person: Person, ask: Ask) -> list[str]:
    """Return what a page offers to do."""
    return [form.action.rpartition("/")[2] for form in person.get(path_of(ask)).forms]
