"""Answering on the page: what is recorded, in which order it is refused, and what losers see."""

from datetime import timedelta
from typing import Any

import pytest

from approvals import transitions
from approvals.models import Answer, Ask, Decision
from tests.approvals.person import Page, Person, answer_path, path_of
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer, config_of, kinds
from tracks import transitions as track_transitions
from tracks.models import Event

pytestmark = pytest.mark.django_db

OPENED = ["track.created", "input_request.created"]


@pytest.fixture
def ask(clock: Clock) -> Ask:
    return AskFactory(notify=False)


@pytest.fixture
def person() -> Person:
    return Person()


def high_risk(kind: str = "confirm") -> Ask:
    return AskFactory(kind=kind, notify=False, config=config_of(kind) | {"risk": "high"})


def assert_nothing_recorded(ask: Ask) -> None:
    ask.refresh_from_db()
    assert ask.status == Ask.Status.OPEN
    assert not Decision.objects.filter(ask=ask).exists()
    assert "input_request.answered" not in kinds(ask.track)


@pytest.mark.parametrize(("sent", "recorded"), [("true", True), ("false", False)])
def test_a_confirm_is_recorded_as_its_button_says(
    ask: Ask, person: Person, sent: str, recorded: bool
) -> None:
    person.verify(ask)
    done = person.answer(ask, value=sent, comment="As in March.\r\nDana knows.")
    assert (done.status, done.location) == (303, path_of(ask))
    decision = Decision.objects.get()
    assert decision.value is recorded
    assert decision.comment == "As in March.\nDana knows."
    assert decision.verified_by == "email_code"
    assert (decision.ip, decision.user_agent) == ("127.0.0.1", "Mozilla/5.0 Firefox/133.0")
    page = person.get(path_of(ask))
    assert ("Recorded: approved" if recorded else "Recorded: rejected") in page.text
    assert "by cfo@acme.com on Sun 22 Nov 2026, 10:00 UTC, confirmed by e-mail code" in page.text


def test_a_choice_is_recorded_by_its_value(clock: Clock, person: Person) -> None:
    ask = AskFactory(kind="choice", notify=False)
    person.verify(ask)
    assert person.answer(ask, value="s", comment=" ").status == 303
    decision = Decision.objects.get()
    assert (decision.value, decision.comment) == ("s", None)
    assert "The choice Sea" in person.get(path_of(ask)).text


@pytest.mark.parametrize(
    ("validate", "typed"),
    [
        ("short", " kept as typed "),
        ("long", "two\nlines\tand a tab"),
        ("email", "Dana.Lee@example.com"),
        ("url", "https://example.com/a?b=c#d"),
        ("url", "http://example.com"),
    ],
)
def test_a_typed_answer_is_recorded_as_typed(
    clock: Clock, person: Person, validate: str, typed: str
) -> None:
    ask = AskFactory(kind="text", notify=False, config={"validate": validate})
    person.verify(ask)
    assert person.answer(ask, value=typed).status == 303
    assert Answer.objects.get().value == typed


@pytest.mark.parametrize(
    ("kind", "config", "typed", "words"),
    [
        ("confirm", {}, "yes", "Choose one of the two answers."),
        ("confirm", {}, "", "Choose one of the two answers."),
        ("choice", {}, "", "Choose one of the answers."),
        ("choice", {}, "Sea", "Choose one of the answers."),
        ("text", {}, "", "Type your answer."),
        ("text", {}, " \t ", "Type your answer."),
        ("text", {}, "x" * 201, "At most 200 characters; these are 201."),
        ("text", {}, "two\nlines", "Character 4 (U+000A) cannot be taken: control character."),
        ("text", {}, "a\u202eb", "Character 2 (U+202E) cannot be taken: bidirectional control."),
        ("text", {"validate": "long"}, "x" * 8001, "At most 8,000 characters; these are 8,001."),
        ("text", {"validate": "email"}, "a@b@c", "This is not an e-mail address"),
        ("text", {"validate": "email"}, " a@example.com", "This is not an e-mail address"),
        ("text", {"validate": "url"}, "javascript:alert(1)", "This is not a web address"),
        ("text", {"validate": "url"}, "ftp://example.com", "This is not a web address"),
    ],
)
def test_ai_17_ai_18_a_wrong_value_is_refused_beside_its_field(
    clock: Clock, person: Person, kind: str, config: dict[str, Any], typed: str, words: str
) -> None:
    ask = AskFactory(kind=kind, notify=False, config=config_of(kind) | config)
    person.verify(ask)
    page = person.answer(ask, value=typed)
    assert page.status == 422
    assert page.text.count(words) == 2  # in the summary above, and beside the field
    assert page.html.count("<title>Error: ") == 1
    assert_nothing_recorded(ask)


def test_a_refused_entry_is_shown_again_as_it_was_typed(clock: Clock, person: Person) -> None:
    ask = AskFactory(kind="text", notify=False, config={"validate": "long"})
    person.verify(ask)
    typed = "\n<b>first</b> line\u202e\n  second"
    page = person.answer(ask, value=typed)
    assert page.form("/answer").fields["value"] == typed


def test_a_comment_has_its_own_limit_and_error(ask: Ask, person: Person) -> None:
    person.verify(ask)
    page = person.answer(ask, value="true", comment="x" * 2001)
    assert page.status == 422
    assert "At most 2,000 characters; these are 2,001." in page.text
    assert_nothing_recorded(ask)


def test_an_answer_that_its_system_takes_with_a_comment_only_is_refused_without(
    clock: Clock, person: Person
) -> None:
    ask = AskFactory(notify=False, comment_wanted_for=["false"])
    person.verify(ask)
    assert "Comment needed for No" in person.get(path_of(ask)).text
    for comment in ("", " "):
        page = person.answer(ask, value="false", comment=comment)
        assert page.status == 422
        assert "Error: The system wants a reason for this answer: write a comment." in page.text
        assert 'aria-describedby="comment-error"' in page.html
    assert_nothing_recorded(ask)
    assert person.answer(ask, value="false", comment="Too dear.").status == 303
    assert Decision.objects.get().comment == "Too dear."


def test_what_needs_no_comment_is_taken_without_one(clock: Clock, person: Person) -> None:
    ask = AskFactory(kind="choice", notify=False, comment_wanted_for=["s"])
    person.verify(ask)
    assert person.answer(ask, value="s").status == 422
    assert person.answer(ask, value="a").status == 303


def test_ml_23_each_skipped_step_refuses_the_post_too(clock: Clock, person: Person) -> None:
    track = TrackFactory(password="correct horse")
    ask = AskFactory(track=track, notify=False)
    token = {"csrfmiddlewaretoken": person.get(path_of(ask)).forms[0].fields["csrfmiddlewaretoken"]}
    locked = person.post(answer_path(ask), token | {"value": "true"})
    assert locked.status == 403
    assert "Protected request from" in locked.text
    assert track.title not in locked.html
    for end in ("verify", "code"):
        assert person.post(f"{path_of(ask)}/{end}", token | {"code": "0000-0000"}).status == 403
    assert person.send(locked, "/unlock", password="correct horse").status == 303
    stranger = person.post(answer_path(ask), token | {"value": "true"})
    assert stranger.status == 403
    assert "Nothing was recorded: first show that it’s you." in stranger.text
    assert_nothing_recorded(ask)
    person.verify(ask)
    assert person.answer(ask, value="true").status == 303
    assert Decision.objects.get().verified_by == "email_code+password"


def test_the_wrong_mailbox_is_told_whose_request_it_is(clock: Clock, person: Person) -> None:
    first = AskFactory(notify=False)
    person.verify(first)
    answer(first, True)
    ask = AskFactory(track=first.track, approvers=["legal@acme.com"], notify=False)
    page = person.get(path_of(ask))
    assert page.status == 200
    assert "You are signed in here as cfo@acme.com" in page.text
    refused = person.post(answer_path(ask), page.form("/code").fields | {"value": "true"})
    assert refused.status == 403
    assert "This request is for l•••@acme.com" in refused.text
    assert "legal@acme.com" not in refused.html
    assert not Decision.objects.filter(ask=ask).exists()


@pytest.mark.parametrize(
    "forged",
    [
        {"form_nonce": ""},
        {"form_nonce": "x.y"},
        {"form_nonce": "." * 64},
        {"display_digest": ""},
        {"display_digest": "sha256:" + "0" * 64},
    ],
)
def test_ai_09_a_form_that_is_not_ours_is_409_and_records_nothing(
    ask: Ask, person: Person, forged: dict[str, str]
) -> None:
    person.verify(ask)
    page = person.answer(ask, value="true", **forged)
    assert page.status == 409
    assert "Nothing was recorded: that page was out of date." in page.text
    assert_nothing_recorded(ask)
    assert page.form("/answer").fields["form_nonce"] != forged.get("form_nonce")
    assert person.send(page, "/answer", value="true").status == 303


def test_ai_09_a_form_of_another_ask_or_another_browser_is_409(ask: Ask, person: Person) -> None:
    person.verify(ask)
    other_ask, other = AskFactory(notify=False), Person()
    person.verify(other_ask)
    other.verify(ask)
    mine = person.get(path_of(ask)).form("/answer").fields
    elsewhere = person.get(path_of(other_ask)).form("/answer").fields
    theirs = other.get(path_of(ask)).form("/answer").fields
    for foreign in (elsewhere, theirs):
        page = person.answer(ask, value="true", form_nonce=foreign["form_nonce"])
        assert page.status == 409
    assert_nothing_recorded(ask)
    assert person.answer(ask, value="true", form_nonce=mine["form_nonce"]).status == 303


def test_ai_20_what_cannot_be_shown_as_it_was_asked_cannot_be_answered(
    ask: Ask, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.verify(ask)
    form = person.get(path_of(ask)).form("/answer")
    monkeypatch.setattr("approvals.digest.Display.digest", lambda self: "sha256:" + "0" * 64)
    page = person.get(path_of(ask))
    assert page.status == 200
    assert "This cannot be displayed safely" in page.text
    assert page.forms == []
    refused = person.post(form.action, form.fields | {"value": "true"})
    assert refused.status == 409
    assert_nothing_recorded(ask)


def test_co_10_the_same_form_sent_twice_is_one_answer_and_one_result(
    ask: Ask, person: Person
) -> None:
    person.verify(ask)
    form = person.get(path_of(ask)).form("/answer")
    sent = form.fields | {"value": "true"}
    first, second = person.post(form.action, sent), person.post(form.action, sent)
    assert (first.status, first.location) == (second.status, second.location)
    assert (first.status, first.location) == (303, path_of(ask))
    assert Decision.objects.count() == 1
    assert kinds(ask.track).count("input_request.answered") == 1


def test_the_same_form_with_another_answer_is_refused(ask: Ask, person: Person) -> None:
    person.verify(ask)
    form = person.get(path_of(ask)).form("/answer")
    person.post(form.action, form.fields | {"value": "true"})
    page = person.post(form.action, form.fields | {"value": "false"})
    assert page.status == 409
    assert "Your answer was not recorded." in page.text
    assert "Recorded: approved" in page.text
    assert Answer.objects.get().value is True


def losing_tab(ask: Ask, person: Person) -> Any:
    person.verify(ask)
    return person.get(path_of(ask)).form("/answer")


def test_co_02_a_losing_tab_sees_who_was_first(ask: Ask, person: Person) -> None:
    form = losing_tab(ask, person)
    answer(ask, True)
    page = person.post(form.action, form.fields | {"value": "false", "comment": "Too dear."})
    assert page.status == 409
    assert "Your answer was not recorded. It came after this was settled." in page.text
    assert "Recorded: approved" in page.text
    assert "What you sent, not recorded: Too dear." in page.text
    assert Answer.objects.get().value is True


def test_a_late_answer_is_409_and_records_the_timeout(
    ask: Ask, person: Person, clock: Clock
) -> None:
    form = losing_tab(ask, person)
    clock.move(seconds=1800)
    page = person.post(form.action, form.fields | {"value": "true"})
    assert page.status == 409
    assert "This request closed on Sun 22 Nov 2026, 10:30 UTC" in page.text
    assert "Nobody answered before the deadline, so nothing was approved." in page.text
    assert kinds(ask.track)[-1] == "input_request.timeout"
    ask.refresh_from_db()
    assert ask.status == Ask.Status.TIMEOUT


def test_an_answer_to_what_was_withdrawn_is_409(ask: Ask, person: Person) -> None:
    form = losing_tab(ask, person)
    transitions.cancel_ask(
        ask_id=ask.pk, workspace_id=ask.workspace_id, reason="A new invoice came.", actor=AGENT
    )
    page = person.post(form.action, form.fields | {"value": "true"})
    assert page.status == 409
    assert "No longer needed" in page.text
    assert "A new invoice came." in page.text


@pytest.mark.parametrize("ask_id", ["ask_" + "0" * 32, "nonsense", "trk_" + "0" * 32])
def test_an_unknown_ask_is_404(ask: Ask, person: Person, ask_id: str) -> None:
    person.verify(ask)
    form = person.get(path_of(ask)).form("/answer")
    page = person.post(f"{path_of(ask)}/asks/{ask_id}/answer", form.fields | {"value": "true"})
    assert page.status == 404


def test_an_ask_of_another_track_is_404(ask: Ask, person: Person) -> None:
    other = AskFactory(notify=False)
    person.verify(ask)
    form = person.get(path_of(ask)).form("/answer")
    page = person.post(
        f"{path_of(ask)}/asks/{other.public_id}/answer", form.fields | {"value": "true"}
    )
    assert page.status == 404
    assert_nothing_recorded(other)


# --- high risk: SE-09 ---------------------------------------------------------------------------


def reviewed(ask: Ask, person: Person, **typed: str) -> Page:
    person.verify(ask)
    return person.answer(ask, **typed)


def test_se_09_high_risk_is_repeated_before_it_is_recorded(clock: Clock, person: Person) -> None:
    ask = AskFactory(
        notify=False,
        config={
            "accept_label": "Approve the new rate",
            "reject_label": "Hold",
            "if_accepted": "47 payments go out.",
            "summary": {"New rate": "$2,592"},
            "risk": "high",
        },
    )
    page = reviewed(ask, person, value="true", comment="As in\nMarch.")
    assert page.status == 200
    for words in (
        "To be recorded: approved",
        "The question Approve the new rate?",
        "New rate $2,592",
        "You choose Approve the new rate",
        "What follows 47 payments go out.",
        "Your comment As in March.",
        "Answered by cfo@acme.com",
        "Yes, record: approved",
    ):
        assert words in page.text
    assert_nothing_recorded(ask)
    assert person.send(page, "/answer", confirmed="1").status == 303
    decision = Decision.objects.get()
    assert (decision.value, decision.comment) == (True, "As in\nMarch.")


def test_se_09_the_way_back_keeps_what_was_typed(clock: Clock, person: Person) -> None:
    ask = high_risk()
    page = reviewed(ask, person, value="true", comment="As in March.")
    back = person.send(page, "/answer", back="1")
    assert back.status == 200
    assert back.form("/answer").fields["comment"] == "As in March."
    assert_nothing_recorded(ask)


@pytest.mark.parametrize(("kind", "value"), [("choice", "a"), ("text", "As you like")])
def test_se_09_every_kind_is_reviewed(clock: Clock, person: Person, kind: str, value: str) -> None:
    ask = high_risk(kind)
    page = reviewed(ask, person, value=value)
    assert "Check your answer" in page.text
    assert_nothing_recorded(ask)
    assert person.send(page, "/answer", confirmed="1").status == 303
    assert Answer.objects.get().value == value


def test_se_09_an_invalid_answer_is_refused_before_it_is_reviewed(
    clock: Clock, person: Person
) -> None:
    assert reviewed(high_risk("text"), person, value="").status == 422


def test_se_09_a_proof_of_more_than_fifteen_minutes_is_too_old(
    clock: Clock, person: Person
) -> None:
    ask = high_risk()
    page = reviewed(ask, person, value="true")
    clock.move(minutes=15, milliseconds=1)
    refused = person.send(page, "/answer", confirmed="1")
    assert refused.status == 403
    assert "Nothing was recorded yet: show again that it’s you." in refused.text
    assert_nothing_recorded(ask)
    assert "Your mailbox was last proven 15 minutes ago" in person.get(path_of(ask)).text
    assert person.get(path_of(ask)).form("/code")
    person.verify(ask)
    again = person.answer(ask, value="true")
    assert person.send(again, "/answer", confirmed="1").status == 303


def test_a_proof_of_fifteen_minutes_is_fresh_and_low_risk_asks_for_none(
    clock: Clock, person: Person
) -> None:
    ask = high_risk()
    page = reviewed(ask, person, value="true")
    clock.move(minutes=15)
    assert person.send(page, "/answer", confirmed="1").status == 303
    quiet = AskFactory(notify=False, timeout_seconds=86_400)
    person.verify(quiet)
    clock.move(hours=3)
    assert person.answer(quiet, value="true").status == 303


# --- looking is not answering -------------------------------------------------------------------


def test_a_look_is_recorded_once_and_only_of_a_verified_browser(ask: Ask, person: Person) -> None:
    person.get(path_of(ask))
    assert kinds(ask.track) == OPENED
    person.verify(ask)
    person.client.head(path_of(ask))
    assert kinds(ask.track) == [*OPENED, "approver.verified"]
    for _ in range(3):
        person.get(path_of(ask))
    assert kinds(ask.track) == [*OPENED, "approver.verified", "approver.viewed"]


def test_a_look_at_what_is_settled_is_not_recorded(ask: Ask, person: Person) -> None:
    person.verify(ask)
    answer(ask, True)
    person.get(path_of(ask))
    assert "approver.viewed" not in kinds(ask.track)


@pytest.mark.parametrize("kind", ["confirm", "choice", "text"])
def test_ai_16_nothing_is_chosen_focused_or_pressed_by_enter(
    clock: Clock, person: Person, kind: str
) -> None:
    ask = AskFactory(kind=kind, notify=False)
    person.verify(ask)
    html = person.get(path_of(ask)).html
    form = html[html.index("data-guarded") : html.index("</form>")]
    assert "autofocus" not in html
    assert " checked>" not in html
    # Enter in a field presses a form's first button: here one that only shows the second step
    first = '<button type="submit" name="review" value="1" hidden>'
    assert form.index("<button") == form.index(first)


def test_ai_16_the_first_button_of_a_form_records_nothing(clock: Clock, person: Person) -> None:
    ask = AskFactory(kind="text", notify=False)
    person.verify(ask)
    page = person.answer(ask, value="typed", review="1")
    assert (page.status, "Check your answer" in page.text) == (200, True)
    assert_nothing_recorded(ask)


def test_the_result_names_when_the_agent_went_on(ask: Ask, person: Person, clock: Clock) -> None:
    person.verify(ask)
    person.answer(ask, value="true")
    assert "goes on by itself. You can close this page." in person.get(path_of(ask)).text
    clock.move(seconds=2)
    track_transitions.log_action(
        track_id=ask.track_id,
        workspace_id=ask.track.workspace_id,
        text="Scheduling payments",
        step=None,
        actor=AGENT,
    )
    page = person.get(path_of(ask))
    assert "The agent went on at Sun 22 Nov, 10:00 UTC." in page.text
    went_on = Event.objects.filter(track=ask.track).latest("seq").at
    assert went_on == clock.now
    assert timedelta(0) < went_on - Decision.objects.get().at
