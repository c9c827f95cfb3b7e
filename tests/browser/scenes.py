"""Every state of the pages, each as a way to get there.

Tests hold all of them against accessibility rules and narrow screens; with SAYSO_PICTURES naming a
folder they are photographed as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.conf import settings

from approvals import grants, transitions, verification
from approvals.grants import Client
from approvals.models import Ask, Grant
from tests.browser.conftest import press
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
)
from tracks import transitions as track_transitions
from tracks.clock import database_now
from tracks.models import Step, Track

HERE = Client(ip="192.0.2.7", user_agent="Firefox")
CONFIRM: dict[str, Any] = {
    "accept_label": "Approve the new rate",
    "reject_label": "Hold for negotiation",
    "if_accepted": "47 payments are scheduled for Friday.",
    "if_rejected": "Nothing is paid; Dana is told.",
    "description": "The vendor applied its Q3 list price to 47 invoices. Paying now keeps the "
    "Friday run.",
    "summary": {"Previous rate": "$2,400", "New rate": "$2,592", "Reason": "Q3 passthrough"},
    "details": "Invoices 4471 to 4517.\nContract of 2024-03-01, section 4.2.",
    "risk": "medium",
}
PROMPT = "Acme Office Supplies invoice is 8% above contract. Approve?"
OPTIONS = [
    {"value": "accept_1m", "label": "Accept their $1M cap"},
    {"value": "counter_750k", "label": "Counter at $750k"},
    {"value": "counsel", "label": "Send to counsel"},
]
LONG_OPTIONS = [
    {"value": "counter", "label": "Counter at $750,000, the average of our last three deals"},
    {"value": "accept", "label": "Accept the $1M cap as they propose it, without changes"},
    {"value": "counsel", "label": "Send the clause to outside counsel first (takes two days)"},
    {"value": "Walk away", "label": "Walk away"},
    {"value": "none", "label": "None of these"},
]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a browser goes, with which cookies, and what it does there."""

    path: str
    cookies: dict[str, str] = field(default_factory=dict)
    act: Callable[[Any], None] | None = None
    status: int = 200


def track_with_steps(**fields: Any) -> Track:
    """Return a track that has come to its approval."""
    if "workspace" not in fields:
        fields["workspace"] = WorkspaceFactory(name="Acme Finance", time_zone="Europe/Berlin")
    fields.setdefault("steps", ["Fetch", "Parse", "Approve", "Schedule"])
    track = TrackFactory(**fields)
    step(track, 0, Step.Status.ACTIVE)
    act(track, "Pulled 47 invoices from Bill.com")
    step(track, 0, Step.Status.COMPLETED)
    step(track, 1, Step.Status.ACTIVE)
    act(track, "Matched 46 of 47 to purchase orders")
    act(track, "1 is 8% above contract")
    step(track, 1, Step.Status.COMPLETED)
    step(track, 2, Step.Status.ACTIVE)
    return track


def step(track: Track, index: int, to: Step.Status, detail: str | None = None) -> None:
    track_transitions.change_step(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        index=index,
        to=to,
        detail=detail,
        actor=AGENT,
    )


def act(track: Track, text: str) -> None:
    track_transitions.log_action(
        track_id=track.pk, workspace_id=track.workspace_id, text=text, step=None, actor=AGENT
    )


def complete(track: Track) -> None:
    track_transitions.complete_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        summary="47 payments scheduled for Friday, 27 November.",
        actor=AGENT,
    )


def ask(**fields: Any) -> Ask:
    """Return an open ask on a track with steps."""
    track = fields.pop("track", None) or track_with_steps(**fields.pop("on", {}))
    kind = fields.setdefault("kind", "confirm")
    fields.setdefault("prompt", PROMPT)
    if kind == "confirm":
        fields["config"] = CONFIRM | fields.pop("config", {})
    return AskFactory(track=track, timeout_seconds=fields.pop("timeout_seconds", 172_900), **fields)


def verified(ask: Ask, *, minutes_ago: float = 0, token: str | None = None) -> dict[str, str]:
    """Return the cookies of a browser that has proven the approver's mailbox."""
    fresh = grants.grant(
        track=ask.track,
        token=token,
        kind=Grant.Kind.VERIFIED,
        method=Grant.Method.CODE,
        approver=approver_of(ask),
        client=HERE,
        now=database_now() - timedelta(minutes=minutes_ago),
    )
    return {settings.VIEWER_COOKIE_NAME: fresh}


def mailed(ask: Ask) -> dict[str, str]:
    """Return the cookies of a browser that has asked for a mail."""
    challenge, nonce = verification.start(
        track_id=ask.track_id, address=CFO, client=HERE, browser="browser"
    )
    return {settings.PENDING_COOKIE_NAME: f"{challenge.pk.hex}.{nonce}"}


def link(ask: Ask, *, here: bool) -> Scene:
    cookies = mailed(ask)
    challenge = approver_of(ask).challenge_set.get()
    token = verification.secrets_for_mail(challenge).token
    return Scene(f"/v/{token}", cookies if here else {})


def page_of(ask: Ask) -> str:
    return f"/t/{ask.track.slug}"


def type_and_press(name: str, **fields: str) -> Callable[[Any], None]:
    """Return what a person does who fills in fields and presses a button."""

    def act(page: Any) -> None:
        for field_id, text in fields.items():
            page.locator(f"#{field_id}").fill(text)
        press(page, name)

    return act


# --- open ---------------------------------------------------------------------------------------


def open_stranger(clock: Clock) -> Scene:
    return Scene(page_of(ask()))


def open_stranger_mailed(clock: Clock) -> Scene:
    asked = ask(config={"risk": "high"})
    return Scene(page_of(asked), mailed(asked))


def open_wrong_code(clock: Clock) -> Scene:
    return Scene(page_of(ask()), act=type_and_press("Continue", code="0000-0000"), status=422)


def open_mailed_enough(clock: Clock) -> Scene:
    asked = ask()
    cookies = [mailed(asked) for _ in range(3)][-1]
    return Scene(page_of(asked), cookies, type_and_press("Send another mail"), status=429)


def open_confirm(clock: Clock) -> Scene:
    asked = ask()
    return Scene(page_of(asked), verified(asked))


def open_confirm_plain(clock: Clock) -> Scene:
    track = TrackFactory(workspace=WorkspaceFactory(name="Acme"), title="Deploy")
    asked = AskFactory(track=track, prompt="Deploy build 4711 to production?")
    return Scene(page_of(asked), verified(asked))


def open_contradictory(clock: Clock) -> Scene:
    asked = ask(config={"accept_label": "Decline", "reject_label": "Approve", "risk": "high"})
    return Scene(page_of(asked), verified(asked))


def open_long_words(clock: Clock) -> Scene:
    asked = ask(
        on={
            "workspace": WorkspaceFactory(name="Northwind Traders & Partners International Ltd."),
            "title": "Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüsselbestellung " * 2,
            "steps": ["Fetch", "Parse", "A" * 120, "Schedule"],
        },
        prompt="Überweisungsträger" * 12 + "?\n\n\tZweite Zeile mit Einzug.",
        config={
            "accept_label": "Approve " + "everything" * 7,
            "reject_label": "Hold for the negotiation with the vendor about the new terms",
            "summary": {"K" * 200: "V" * 200, "العربية": "مرحبا بالعالم ١٢٣"},
            "details": "x" * 8000,
        },
    )
    return Scene(page_of(asked), verified(asked))


def open_choice(clock: Clock) -> Scene:
    asked = ask(
        kind="choice",
        prompt="They want a $1M liability cap. What should we send back?",
        config={"options": OPTIONS, "risk": "low"},
    )
    return Scene(page_of(asked), verified(asked))


def open_radios(clock: Clock) -> Scene:
    asked = ask(
        kind="choice",
        prompt="They want a $1M liability cap. What should we send back?",
        config={"options": LONG_OPTIONS, "risk": "high"},
    )
    return Scene(page_of(asked), verified(asked))


def open_radios_stranger(clock: Clock) -> Scene:
    asked = ask(kind="choice", prompt="Which?", config={"options": LONG_OPTIONS})
    return Scene(page_of(asked))


def open_text(clock: Clock) -> Scene:
    asked = ask(kind="text", prompt="Where should the NDA go?", config={"validate": "email"})
    return Scene(page_of(asked), verified(asked))


def open_long_text(clock: Clock) -> Scene:
    asked = ask(kind="text", prompt="What should we tell the vendor?", config={"validate": "long"})
    return Scene(page_of(asked), verified(asked))


def open_text_wrong(clock: Clock) -> Scene:
    asked = ask(kind="text", prompt="Where should the NDA go?", config={"validate": "email"})

    def act(page: Any) -> None:
        page.locator("#value").fill("somebody at acme")
        page.locator("form[data-guarded]").evaluate("form => form.noValidate = true")
        press(page, "Record this answer")

    return Scene(page_of(asked), verified(asked), act, status=422)


def open_stale(clock: Clock) -> Scene:
    asked = ask(config={"risk": "high"})
    return Scene(page_of(asked), verified(asked, minutes_ago=40))


def open_stale_kept(clock: Clock) -> Scene:
    asked = ask(config={"risk": "high"})

    def act(page: Any) -> None:
        page.locator("#comment").fill("As agreed with Dana in March.")
        clock.move(minutes=16)
        press(page, "Approve the new rate")

    return Scene(page_of(asked), verified(asked), act, status=403)


def review(clock: Clock) -> Scene:
    asked = ask(config={"risk": "high"})
    act = type_and_press("Approve the new rate", comment="As agreed with Dana in March.")
    return Scene(page_of(asked), verified(asked), act)


def open_unsafe(clock: Clock) -> Scene:
    with patch("approvals.digest.Display.digest", return_value="sha256:" + "0" * 64):
        asked = ask()
    return Scene(page_of(asked), verified(asked))


def open_second(clock: Clock) -> Scene:
    first = ask(prompt="Is invoice 4471 really ours?")
    cookies = verified(first)
    answer(first, True)
    clock.move(minutes=3)
    asked = ask(track=first.track)
    return Scene(page_of(asked), cookies)


# --- settled ------------------------------------------------------------------------------------


def answered_by_me(clock: Clock) -> Scene:
    asked = ask()
    cookies = verified(asked)
    answer(asked, True, comment="As agreed with Dana in March.")
    return Scene(page_of(asked), cookies)


def answered_and_went_on(clock: Clock) -> Scene:
    scene = answered_by_me(clock)
    track = Track.objects.get()
    clock.move(seconds=2)
    step(track, 2, Step.Status.COMPLETED)
    step(track, 3, Step.Status.ACTIVE)
    act(track, "Approval recorded, scheduling payments")
    return scene


def answered_and_completed(clock: Clock) -> Scene:
    scene = answered_and_went_on(clock)
    step(Track.objects.get(), 3, Step.Status.COMPLETED)
    complete(Track.objects.get())
    return scene


def rejected_by_me(clock: Clock) -> Scene:
    asked = ask()
    cookies = verified(asked)
    answer(asked, False)
    return Scene(page_of(asked), cookies)


def chosen_by_me(clock: Clock) -> Scene:
    asked = ask(kind="choice", prompt="What now?", config={"options": LONG_OPTIONS})
    cookies = verified(asked)
    answer(asked, "counter", comment="As in March.")
    return Scene(page_of(asked), cookies)


def typed_by_me(clock: Clock) -> Scene:
    asked = ask(kind="text", prompt="What should we tell them?", config={"validate": "long"})
    cookies = verified(asked)
    answer(asked, "Two things:\n\n1. Not at this price.\n2. Not this year.")
    return Scene(page_of(asked), cookies)


def answered_by_another(clock: Clock) -> Scene:
    asked = ask()
    answer(asked, True, comment="Nobody else reads this.")
    return Scene(page_of(asked))


def answered_meanwhile(clock: Clock) -> Scene:
    asked = ask()

    def act(page: Any) -> None:
        page.locator("#comment").fill("Too expensive, I think.")
        answer(asked, True)
        press(page, "Hold for negotiation")

    return Scene(page_of(asked), verified(asked), act, status=409)


def timed_out(clock: Clock) -> Scene:
    asked = ask(timeout_seconds=1800)
    clock.move(minutes=31)
    return Scene(page_of(asked))


def cancelled(clock: Clock) -> Scene:
    asked = ask()
    transitions.cancel_ask(
        ask_id=asked.pk,
        workspace_id=asked.workspace_id,
        reason="The vendor sent a corrected invoice.",
        actor=AGENT,
    )
    return Scene(page_of(asked))


def no_question(clock: Clock) -> Scene:
    return Scene(f"/t/{track_with_steps().slug}")


def nothing_at_all(clock: Clock) -> Scene:
    return Scene(f"/t/{TrackFactory().slug}")


def completed_without_question(clock: Clock) -> Scene:
    track = track_with_steps()
    complete(track)
    return Scene(f"/t/{track.slug}")


def failed(clock: Clock) -> Scene:
    track = track_with_steps()
    step(track, 2, Step.Status.FAILED, "The bank refused the batch.")
    track_transitions.fail_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        reason="The bank refused the batch: the account is closed.",
        retryable=True,
        actor=AGENT,
    )
    return Scene(f"/t/{track.slug}")


# --- doors and refusals -------------------------------------------------------------------------


def locked(clock: Clock) -> Scene:
    return Scene(page_of(ask(on={"password": "correct horse battery"})))


def locked_wrong(clock: Clock) -> Scene:
    asked = ask(on={"password": "correct horse battery"})
    return Scene(page_of(asked), act=type_and_press("Open", password="wrong"), status=422)


def link_here(clock: Clock) -> Scene:
    return link(ask(), here=True)


def link_elsewhere(clock: Clock) -> Scene:
    return link(ask(), here=False)


def link_used(clock: Clock) -> Scene:
    return Scene("/v/" + "x" * 43, status=410)


def unknown(clock: Clock) -> Scene:
    return Scene("/t/" + "0" * 22, status=404)


def home(clock: Clock) -> Scene:
    return Scene("/")


def receipt(clock: Clock) -> Scene:
    asked = ask(config={"risk": "high"}, action_digest="sha256:" + "ab" * 32)
    cookies = verified(asked)
    answer(asked, True, comment="As agreed with Dana in March.")
    return Scene(f"{page_of(asked)}/asks/{asked.public_id}/receipt", cookies)


SCENES: dict[str, Callable[[Clock], Scene]] = {
    each.__name__: each
    for each in (
        open_stranger,
        open_stranger_mailed,
        open_wrong_code,
        open_mailed_enough,
        open_confirm,
        open_confirm_plain,
        open_contradictory,
        open_long_words,
        open_choice,
        open_radios,
        open_radios_stranger,
        open_text,
        open_long_text,
        open_text_wrong,
        open_stale,
        open_stale_kept,
        review,
        open_unsafe,
        open_second,
        answered_by_me,
        answered_and_went_on,
        answered_and_completed,
        rejected_by_me,
        chosen_by_me,
        typed_by_me,
        answered_by_another,
        answered_meanwhile,
        timed_out,
        cancelled,
        no_question,
        nothing_at_all,
        completed_without_question,
        failed,
        locked,
        locked_wrong,
        link_here,
        link_elsewhere,
        link_used,
        unknown,
        home,
        receipt,
    )
}
