"""Looking at a track: every state, and what only has the link does not see (contract §5)."""

from typing import Any

import pytest

from approvals import transitions
from approvals.models import Ask
from tests.approvals.person import Person, path_of
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, WorkspaceFactory, answer, kinds
from tracks import transitions as track_transitions
from tracks.models import Event, Step, Track

pytestmark = pytest.mark.django_db

CONFIG = {
    "accept_label": "Approve the new rate",
    "reject_label": "Hold for negotiation",
    "if_accepted": "47 payments are scheduled.",
    "if_rejected": "Nothing is paid.",
    "description": "The vendor raised its prices.",
    "summary": {"Previous rate": "$2,400", "New rate": "$2,592"},
    "details": "Invoices 4471 to 4517.",
    "risk": "high",
}


@pytest.fixture
def person() -> Person:
    return Person()


def cancel(ask: Ask, reason: str | None = None) -> None:
    transitions.cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=reason, actor=AGENT)


def step(track: Track, index: int, to: Step.Status, detail: str | None = None) -> None:
    track_transitions.change_step(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        index=index,
        to=to,
        detail=detail,
        actor=AGENT,
    )


def act(track: Track, text: str, step: int | None = None) -> None:
    track_transitions.log_action(
        track_id=track.pk, workspace_id=track.workspace_id, text=text, step=step, actor=AGENT
    )


def test_an_open_question_shows_everything_and_both_ways_to_prove(
    clock: Clock, person: Person
) -> None:
    workspace = WorkspaceFactory(name="Acme Finance", time_zone="Europe/Berlin")
    ask = AskFactory(
        track=TrackFactory(workspace=workspace), config=CONFIG, timeout_seconds=172_900
    )
    page = person.get(path_of(ask))
    assert page.status == 200
    for words in (
        "Acme Finance asks through Sayso",
        "Vendor invoice batch",
        "High risk",
        "Answer by Tue 24 Nov, 11:01 CET (in 2 days)",
        "Message from Bookkeeper",
        "Not checked by Sayso",
        "Approve the new rate?",
        "The vendor raised its prices.",
        "New rate $2,592",
        "Invoices 4471 to 4517.",
        "If you approve 47 payments are scheduled.",
        "If you reject Nothing is paid.",
        "If you do nothing by the deadline, it is not approved.",
        "Approve the new rate recorded as: approved",
        "Hold for negotiation recorded as: rejected",
        "First, show that it’s you",
        "Code from the mail",
        "E-mail me a sign-in link",
        f"Reference {ask.reference}",
    ):
        assert words in page.text
    assert "cfo@acme.com" not in page.html
    assert [form.action for form in page.forms] == [f"{path_of(ask)}/code"]


def test_ai_05_each_button_says_what_will_be_recorded(clock: Clock, person: Person) -> None:
    ask = AskFactory(config=CONFIG, notify=False)
    person.verify(ask)
    page = person.get(path_of(ask))
    assert "Approve: Approve the new rate Recorded as: approved" in page.text
    assert "Reject: Hold for negotiation Recorded as: rejected" in page.text
    assert "You answer as cfo@acme.com." in page.text
    assert (
        "By choosing you record your decision together with your e-mail address, the time and "
        "exactly the text shown here." in page.text
    )


def test_ai_01_ai_07_the_agents_words_are_text_and_nothing_else(
    clock: Clock, person: Person
) -> None:
    hostile = "<img src=x onerror=alert(1)> [a](http://evil.example) ✓ Verified by Sayso"
    ask = AskFactory(prompt=hostile, config=CONFIG | {"details": hostile}, notify=False)
    page = person.get(path_of(ask))
    assert "<img src=x" not in page.html
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.html
    assert 'href="http://evil' not in page.html
    letter = page.html[page.html.index('class="letter"') : page.html.index('class="desk"')]
    assert letter.count("✓ Verified by Sayso") == page.html.count("✓ Verified by Sayso") == 2


def test_ai_21_an_action_cannot_pose_as_what_sayso_says(clock: Clock, person: Person) -> None:
    track = TrackFactory()
    act(track, "Approved by cfo@acme.com")
    page = person.get(f"/t/{track.slug}")
    assert '<span class="agent-text" dir="auto">Approved by cfo@acme.com</span>' in page.html
    assert 'class="ours"' not in page.html


def test_who_only_has_the_link_reads_no_comment_and_no_typed_answer(
    clock: Clock, person: Person
) -> None:
    ask = AskFactory(kind="text", notify=False)
    answer(ask, "the secret answer", comment="the secret comment")
    page = person.get(path_of(ask))
    assert "Already answered" in page.text
    assert "Answered by c•••@acme.com on Sun 22 Nov 2026, 10:00 UTC." in page.text
    for hidden in ("the secret answer", "the secret comment", "cfo@acme.com", "/receipt"):
        assert hidden not in page.html
    person.verify(ask)
    mine = person.get(path_of(ask))
    for shown in ("the secret answer", "the secret comment", "/receipt"):
        assert shown in mine.html


def test_who_only_has_the_link_sees_the_outcome(clock: Clock, person: Person) -> None:
    confirmed = AskFactory(notify=False)
    answer(confirmed, False, comment="the comment")
    page = person.get(path_of(confirmed))
    assert "Rejected by c•••@acme.com on" in page.text
    assert "the comment" not in page.html
    chosen = AskFactory(kind="choice", notify=False)
    answer(chosen, "s")
    assert "The choice Sea" in person.get(path_of(chosen)).text


def test_the_timeline_names_nobody_who_was_mailed_or_looked(clock: Clock, person: Person) -> None:
    ask = AskFactory(notify=False)
    person.verify(ask)
    person.get(path_of(ask))
    assert kinds(ask.track)[-2:] == ["approver.verified", "approver.viewed"]
    assert "cfo@acme.com" not in Person().get(path_of(ask)).html


def test_another_verified_approver_is_told_who_answered(clock: Clock, person: Person) -> None:
    first = AskFactory(notify=False)
    person.verify(first)
    answer(first, True, comment="As in March.")
    page = person.get(path_of(first))
    assert "Recorded: approved" in page.text
    assert "The comment As in March." in page.text


def test_a_timeout_says_what_did_not_happen(clock: Clock, person: Person) -> None:
    ask = AskFactory(timeout_seconds=60)
    clock.move(seconds=60)
    page = person.get(path_of(ask))
    assert page.status == 200
    assert "This request closed on Sun 22 Nov 2026, 10:01 UTC" in page.text
    assert "Nobody answered before the deadline, so nothing was approved." in page.text
    assert "the question can be asked again" in page.text
    assert "input_request.timeout" not in kinds(ask.track)  # reads write nothing


def test_a_withdrawn_question_is_no_longer_needed(clock: Clock, person: Person) -> None:
    ask = AskFactory()
    cancel(ask, "The vendor sent a corrected invoice.")
    page = person.get(path_of(ask))
    assert "No longer needed" in page.text
    assert "Reason given The vendor sent a corrected invoice." in page.text
    assert "There is nothing for you to do." in page.text


def test_a_finished_track_says_how_it_ended(clock: Clock, person: Person) -> None:
    ask = AskFactory()
    track_transitions.complete_track(
        track_id=ask.track_id,
        workspace_id=ask.workspace_id,
        summary="47 payments\nscheduled.",
        actor=AGENT,
    )
    page = person.get(path_of(ask))
    assert "No longer needed The work ended on" in page.text
    assert "The track was closed." not in page.text
    assert "Completed Sun 22 Nov, 10:00 UTC 47 payments scheduled." in page.text
    assert 'data-live=""' in page.html


def test_a_failed_track_names_the_reason(clock: Clock, person: Person) -> None:
    track = TrackFactory(customer_email=None)
    track_transitions.fail_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        reason="The bank refused.",
        retryable=True,
        actor=AGENT,
    )
    page = person.get(f"/t/{track.slug}")
    assert "Stopped before it was done" in page.text
    assert "It will be tried again. The bank refused." in page.text


def test_a_track_without_a_question_says_so(clock: Clock, person: Person) -> None:
    page = person.get(f"/t/{TrackFactory().slug}")
    assert page.status == 200
    assert "Nothing to decide yet" in page.text
    assert "E-mail me a sign-in link" in page.text


def test_who_signed_in_early_is_not_asked_to_again(clock: Clock, person: Person) -> None:
    track = TrackFactory()
    ask = AskFactory(track=track, notify=False)
    person.verify(ask)
    quiet = person.get(path_of(ask))
    assert quiet.form("/answer")


def test_earlier_questions_are_listed_below(clock: Clock, person: Person) -> None:
    track = TrackFactory()
    first = AskFactory(track=track, prompt="First?", notify=False)
    person.verify(first)
    answer(first, True)
    clock.move(minutes=1)
    cancel(AskFactory(track=track, prompt="Second?"))
    AskFactory(track=track, prompt="Third?")
    page = person.get(f"/t/{track.slug}")
    below = page.text[page.text.index("Earlier questions") :]
    assert below.startswith(
        "Earlier questions Second? Withdrawn · Sun 22 Nov, 10:01 UTC "
        "First? Approved · Sun 22 Nov, 10:00 UTC · Receipt"
    )
    assert "Receipt" not in Person().get(f"/t/{track.slug}").text


def test_actions_stand_under_the_step_in_which_they_happened(clock: Clock, person: Person) -> None:
    track = TrackFactory(steps=["Fetch", "Parse", "Pay"])
    act(track, "before anything")
    step(track, 0, Step.Status.ACTIVE)
    act(track, "fetched")
    step(track, 0, Step.Status.COMPLETED)
    step(track, 1, Step.Status.ACTIVE)
    act(track, "parsed")
    act(track, "late for the first", step=0)
    step(track, 1, Step.Status.FAILED, "Page 3 is torn.")
    page = person.get(f"/t/{track.slug}")
    assert (
        "What the agent has done 1 of 3 steps done 10:00 before anything "
        "Fetch done 10:00 10:00 fetched 10:00 late for the first "
        "Parse failed 10:00 Page 3 is torn. 10:00 parsed Pay not started" in page.text
    )


def test_a_long_timeline_shows_its_latest_entries(clock: Clock, person: Person) -> None:
    track = TrackFactory()
    for number in range(202):
        act(track, f"line {number:03}")
    page = person.get(f"/t/{track.slug}")
    assert "3 earlier entries are not shown." in page.text  # two lines and track.created
    assert "line 001" not in page.text
    assert "line 002" in page.text


def test_ai_06_buttons_that_say_the_opposite_are_pointed_out(
    clock: Clock, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = AskFactory(config={"accept_label": "Decline", "reject_label": "Approve"}, notify=False)
    person.verify(ask)
    monkeypatch.setattr("approvals.card.contradicts", lambda accept, reject: accept == "Decline")
    assert "The buttons may be misleading" in person.get(path_of(ask)).text
    plain = AskFactory(notify=False)
    person.verify(plain)
    assert "misleading" not in person.get(path_of(plain)).text


def test_se_13_unknown_slugs_of_every_shape_are_one_page(clock: Clock, person: Person) -> None:
    pages = [
        person.get(f"/t/{slug}")
        for slug in ("0" * 22, "short", "x" * 400, "%00" * 22, "é" * 22, "../admin", "x.css")
    ]
    assert {page.status for page in pages} == {404}
    assert len({len(page.response.content) for page in pages}) == 1
    assert "There is nothing here" in pages[0].text


def test_se_13_the_thirty_first_unknown_slug_in_a_minute_is_refused(
    clock: Clock, person: Person
) -> None:
    track = TrackFactory()
    for number in range(30):
        assert person.get(f"/t/{number:022}").status == 404
    page = person.get("/t/" + "0" * 22)
    assert page.status == 429
    assert page.response["Retry-After"] == "60"
    assert "Try again in 1 minute" in page.text
    assert person.get(f"/t/{track.slug}").status == 200
    assert person.get("/t/" + "0" * 22, X_Forwarded_For="192.0.2.1").status == 429


def test_se_15_a_preview_bot_learns_the_products_name_and_leaves_no_trace(
    clock: Clock,
) -> None:
    ask = AskFactory(notify=False)
    bot = Person(**{"User-Agent": "Slackbot-LinkExpanding 1.0"})
    page = bot.get(path_of(ask))
    assert 'property="og:title" content="Sayso"' in page.html
    assert page.html.count("og:") == 2
    assert "approver.viewed" not in kinds(ask.track)


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_changes_nothing(clock: Clock, method: str) -> None:
    ask = AskFactory(notify=False)
    before = list(Event.objects.values_list("pk"))
    person = Person()
    for path in (path_of(ask), "/v/", "/", f"{path_of(ask)}/asks/{ask.public_id}/receipt"):
        getattr(person.client, method)(path)
    assert list(Event.objects.values_list("pk")) == before


def test_a_page_needs_few_queries(
    clock: Clock, person: Person, django_assert_max_num_queries: Any
) -> None:
    track = TrackFactory(steps=[f"Step {number}" for number in range(50)])
    for number in range(5):
        ask = AskFactory(track=track, prompt=f"Question {number}?", notify=False)
        if number == 0:
            person.verify(ask)
        if number < 4:
            answer(ask, True, form_nonce=f"form-{number}")
    person.get(path_of(ask))
    with django_assert_max_num_queries(14):
        person.get(path_of(ask))
