"""The states of the pages of several people: a table, a queue, a batch, an absence, no mail."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings

from approvals import grants, handing_over, transitions
from approvals.models import Approver, Ask, Grant
from approvals.reassigning import reassign
from approvals.stop_links import StopLink
from tests.browser.conftest import press
from tests.browser.scenes import HERE, PROMPT, Scene, ask, page_of, track_with_steps, type_and_press
from tests.conftest import Clock
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    approver_of,
    evidence_of,
    someone,
)
from tests.staff_actor import DANA, REASON
from tracks.clock import database_now
from tracks.models import Track, Workspace

KIM, SAM, LEE = "kim@acme.com", "sam@acme.com", "lee@acme.com"
LOW: dict[str, Any] = {
    "accept_label": "Pay it",
    "reject_label": "Hold it",
    "if_accepted": "It is in the Friday run.",
    "risk": "low",
}


def verified_as(asked: Ask, address: str) -> dict[str, str]:
    """Return the cookies of a browser that has proven one of several mailboxes."""
    fresh = grants.grant(
        track=asked.track,
        token=None,
        kind=Grant.Kind.VERIFIED,
        method=Grant.Method.CODE,
        approver=someone(asked.workspace, address),
        client=HERE,
        now=database_now(),
    )
    return {settings.VIEWER_COOKIE_NAME: fresh}


def signed_in(address: str = CFO) -> dict[str, str]:
    """Return the cookies of a browser that is signed in to the queue."""
    fresh = grants.grant(
        track=None,
        token=None,
        kind=Grant.Kind.QUEUE,
        method=Grant.Method.LINK,
        approver=None,
        canonical=address,
        client=HERE,
        now=database_now(),
    )
    return {settings.VIEWER_COOKIE_NAME: fresh}


def acme() -> Workspace:
    found = Workspace.objects.filter(name="Acme Finance").first()
    return found or WorkspaceFactory(name="Acme Finance", time_zone="Europe/Berlin")


def several(**fields: Any) -> Ask:
    return ask(approvers=[CFO, KIM, LEE], needed=2, **fields)


def says(asked: Ask, address: str, value: bool = True) -> None:
    evidence = evidence_of(someone(asked.workspace, address))
    answer(asked, value, evidence=evidence, form_nonce=f"form of {address}")


def hand_over(asked: Ask, giver: str = CFO, to: str = SAM) -> None:
    handing_over.hand_over(
        ask_id=asked.pk,
        track_id=asked.track_id,
        giver=someone(asked.workspace, giver),
        to=to,
        reason="Sam negotiated this contract.\nI am on a train.",
    )


def away(approver: Approver, stand_in: str = SAM, *, days: int = 0) -> None:
    starts_at = database_now() + timedelta(days=days)
    handing_over.set_absence(
        approver=approver,
        stand_in=stand_in,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=7),
    )


# --- a table ------------------------------------------------------------------------------------


def table_stranger(clock: Clock) -> Scene:
    asked = several()
    says(asked, KIM)
    return Scene(page_of(asked))


def table_verified(clock: Clock) -> Scene:
    asked = several()
    says(asked, KIM)
    return Scene(page_of(asked), verified_as(asked, CFO))


def table_spoken(clock: Clock) -> Scene:
    asked = several()
    says(asked, CFO)
    return Scene(page_of(asked), verified_as(asked, CFO))


def table_spoken_by_another(clock: Clock) -> Scene:
    asked = several()
    hand_over(asked)
    says(asked, SAM)
    return Scene(page_of(asked), verified_as(asked, CFO))


def table_settled(clock: Clock) -> Scene:
    asked = several()
    hand_over(asked, giver=KIM)
    says(asked, CFO)
    says(asked, SAM)
    return Scene(page_of(asked), verified_as(asked, CFO))


def table_receipt(clock: Clock) -> Scene:
    table_settled(clock)
    asked = Ask.objects.get()
    return Scene(f"{page_of(asked)}/asks/{asked.public_id}/receipt", verified_as(asked, SAM))


def sent_on(clock: Clock) -> Scene:
    asked = ask()
    hand_over(asked)
    return Scene(page_of(asked), verified_as(asked, CFO))


def sent_to_me(clock: Clock) -> Scene:
    asked = ask()
    hand_over(asked)
    return Scene(page_of(asked), verified_as(asked, SAM))


def standing_in(clock: Clock) -> Scene:
    track = track_with_steps()
    away(someone(track.workspace, CFO))
    asked = ask(track=track)
    return Scene(page_of(asked), verified_as(asked, SAM))


def sending_on_wrong(clock: Clock) -> Scene:
    asked = ask()

    def act(page: Any) -> None:
        page.locator("summary", has_text="Send to someone else").click()
        page.locator("#to").fill("sam@elsewhere.com")
        page.locator("#reason").fill("Sam knows.")
        press(page, "Send it to them")

    return Scene(page_of(asked), verified_as(asked, CFO), act, status=422)


def not_for_me(clock: Clock) -> Scene:
    asked = ask()
    handing_over.decline(
        ask_id=asked.pk,
        track_id=asked.track_id,
        approver=someone(asked.workspace, CFO),
        reason="I left procurement.",
    )
    return Scene(page_of(asked), verified_as(asked, CFO))


def passed_by(clock: Clock) -> Scene:
    asked = ask(escalate_to=[KIM], timeout_seconds=1800)
    cookies = verified_as(asked, CFO)
    clock.move(minutes=31)
    transitions.record_timeout(track_id=asked.track_id)
    return Scene(page_of(asked), cookies)


def asked_next(clock: Clock) -> Scene:
    scene = passed_by(clock)
    return Scene(scene.path, verified_as(Ask.objects.get(status="open"), KIM))


# --- the queue ----------------------------------------------------------------------------------


def fill_queue(clock: Clock) -> None:
    workspace, other = acme(), WorkspaceFactory(name="Northwind")
    soon = {"timeout_seconds": 172_800}
    invoices = {"prompt": "Pay invoice {} from Acme Office Supplies?", "config": LOW}
    for number in range(3):
        track = TrackFactory(workspace=workspace, title=f"Invoice {number}")
        fields = invoices | {"prompt": invoices["prompt"].format(4471 + number)}
        AskFactory(track=track, **fields, **soon)
    due = clock.now + timedelta(hours=1)
    ask(on={"workspace": workspace}, config={"risk": "high"}, due_at=due, **soon)
    ask(
        on={"workspace": other, "title": "Northwind MSA renewal"},
        kind="choice",
        prompt="They want a $1M liability cap. What should we send back?",
        config={"options": [{"value": "a", "label": "Accept"}, {"value": "c", "label": "Counter"}]},
        **soon,
    )
    secret = TrackFactory(workspace=other, title="Severance", password="correct horse battery")
    AskFactory(track=secret, prompt="Nobody may read this.", **soon)
    passed = ask(on={"workspace": other, "customer_email": KIM}, prompt="Publish it?", **soon)
    hand_over(passed, giver=KIM, to=CFO)
    clock.move(hours=3)


def queue_full(clock: Clock) -> Scene:
    fill_queue(clock)
    return Scene("/queue/", signed_in())


def queue_filtered(clock: Clock) -> Scene:
    fill_queue(clock)
    return Scene("/queue/?risk=low&workspace=Acme+Finance", signed_in())


def queue_filtered_to_nothing(clock: Clock) -> Scene:
    fill_queue(clock)
    return Scene("/queue/?kind=text", signed_in())


def queue_long_words(clock: Clock) -> Scene:
    workspace = WorkspaceFactory(name="Donaudampfschifffahrtsgesellschaft" * 3)
    for number in range(2):
        track = TrackFactory(workspace=workspace, title=f"T{number}")
        AskFactory(track=track, prompt="Überweisungsträger" * 50, config=LOW)
    return Scene("/queue/", signed_in())


def queue_empty(clock: Clock) -> Scene:
    asked = ask()
    answer(asked, True)
    clock.move(minutes=40)
    return Scene("/queue/", signed_in())


def queue_empty_at_first(clock: Clock) -> Scene:
    someone(acme(), CFO)
    return Scene("/queue/", signed_in())


def queue_sign_in(clock: Clock) -> Scene:
    return Scene("/queue/")


def queue_sign_in_wrong(clock: Clock) -> Scene:
    def act(page: Any) -> None:
        page.locator("form").evaluate("form => form.noValidate = true")
        type_and_press("E-mail me a sign-in link", email="dana at acme")(page)

    return Scene("/queue/", act=act, status=422)


def queue_mailed(clock: Clock) -> Scene:
    return Scene("/queue/", act=type_and_press("E-mail me a sign-in link", email=CFO))


def queue_wrong_code(clock: Clock) -> Scene:
    def act(page: Any) -> None:
        type_and_press("E-mail me a sign-in link", email=CFO)(page)
        type_and_press("Continue", code="0000-0000")(page)

    return Scene("/queue/", act=act, status=422)


def queue_next(clock: Clock) -> Scene:
    fill_queue(clock)
    asked = Ask.objects.get(prompt=PROMPT)
    answer(asked, True)
    return Scene(page_of(asked), signed_in())


def queue_none_left(clock: Clock) -> Scene:
    asked = ask()
    answer(asked, True)
    return Scene(page_of(asked), signed_in())


# --- a batch ------------------------------------------------------------------------------------


def tick_all(page: Any) -> None:
    for box in page.locator(".items .tick input").all():
        box.check()
    press(page, "Review the ticked ones")


def batch_review(clock: Clock) -> Scene:
    fill_queue(clock)
    return Scene("/queue/", signed_in(), tick_all)


def batch_review_dropped(clock: Clock) -> Scene:
    fill_queue(clock)

    def act(page: Any) -> None:
        answer(Ask.objects.get(prompt__contains="4472"), False)
        tick_all(page)

    return Scene("/queue/", signed_in(), act)


def batch_result(clock: Clock) -> Scene:
    fill_queue(clock)

    def act(page: Any) -> None:
        tick_all(page)
        answer(Ask.objects.get(prompt__contains="4472"), False)
        page.mouse.move(5, 5)
        press(page, "Approve all of them")

    return Scene("/queue/", signed_in(), act)


def batch_result_of_what_changed(clock: Clock) -> Scene:
    fill_queue(clock)

    def act(page: Any) -> None:
        tick_all(page)
        taken, hidden, _ = Ask.objects.filter(risk=Ask.Risk.LOW).order_by("pk")
        give_away(taken, to=KIM)
        Track.objects.filter(pk=hidden.track_id).update(password_hash="!")
        page.mouse.move(5, 5)
        press(page, "Reject all of them")

    return Scene("/queue/", signed_in(), act)


def give_away(asked: Ask, *, to: str) -> None:
    """Let staff give the only seat of an ask to somebody else."""
    reassign(
        ask_id=asked.pk,
        track_id=asked.track_id,
        seat_id=asked.seats.get().pk,
        to=to,
        reason=REASON,
        actor=DANA,
    )


def batch_nothing_ticked(clock: Clock) -> Scene:
    fill_queue(clock)
    return Scene("/queue/", signed_in(), type_and_press("Review the ticked ones"), status=422)


# --- absences -----------------------------------------------------------------------------------


def away_nobody(clock: Clock) -> Scene:
    someone(acme(), CFO)
    return Scene("/queue/away", signed_in())


def away_planned(clock: Clock) -> Scene:
    me = someone(acme(), CFO)
    away(me)
    away(me, KIM, days=30)
    someone(WorkspaceFactory(name="Northwind"), CFO)
    away(someone(acme(), LEE), CFO)
    return Scene("/queue/away", signed_in())


def away_wrong(clock: Clock) -> Scene:
    someone(acme(), CFO)

    def act(page: Any) -> None:
        page.locator("#stand_in").fill("sam@elsewhere.com")
        page.locator("#from").fill("2026-12-01")
        page.locator("#to").fill("2026-12-05")
        press(page, "Name this stand-in")

    return Scene("/queue/away", signed_in(), act, status=422)


# --- mails that come again ----------------------------------------------------------------------


def stop_reminders(clock: Clock) -> Scene:
    return Scene(_stop(ask()))


def stop_reminders_stopped(clock: Clock) -> Scene:
    return Scene(_stop(ask()), act=lambda page: press(page, "Stop reminders"))


def stop_reminders_of_what_is_over(clock: Clock) -> Scene:
    asked = ask()
    answer(asked)
    return Scene(_stop(asked))


def stop_digests(clock: Clock) -> Scene:
    return Scene(f"/stop/{StopLink(someone(acme(), CFO).pk).token()}")


def stop_digests_stopped(clock: Clock) -> Scene:
    return replace(stop_digests(clock), act=lambda page: press(page, "Stop these summaries"))


def _stop(asked: Ask) -> str:
    return f"/stop/{StopLink(approver_of(asked).pk, asked.pk).token()}"


PEOPLE_SCENES: dict[str, Callable[[Clock], Scene]] = {
    each.__name__: each
    for each in (
        table_stranger,
        table_verified,
        table_spoken,
        table_spoken_by_another,
        table_settled,
        table_receipt,
        sent_on,
        sent_to_me,
        standing_in,
        sending_on_wrong,
        not_for_me,
        passed_by,
        asked_next,
        queue_full,
        queue_filtered,
        queue_filtered_to_nothing,
        queue_long_words,
        queue_empty,
        queue_empty_at_first,
        queue_sign_in,
        queue_sign_in_wrong,
        queue_mailed,
        queue_wrong_code,
        queue_next,
        queue_none_left,
        batch_review,
        batch_review_dropped,
        batch_result,
        batch_result_of_what_changed,
        batch_nothing_ticked,
        away_nobody,
        away_planned,
        away_wrong,
        stop_reminders,
        stop_reminders_stopped,
        stop_reminders_of_what_is_over,
        stop_digests,
        stop_digests_stopped,
    )
}
