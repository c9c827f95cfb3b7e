"""Sending a request on, and "this isn't for me", on the page."""

import pytest

from approvals.models import Answer, Ask, Decline, Holder
from tests.api.refused import nothing_written
from tests.approvals.person import Person, answer_path, path_of
from tests.approvals.table import KIM, LEE, REASON, SAM, at, forms_of, hand_over, says, several
from tests.conftest import Clock
from tests.factories import (
    CFO,
    AskFactory,
    TrackFactory,
    kinds,
)
from tracks.models import Event, Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def track(clock: Clock, workspace: Workspace) -> Track:
    return TrackFactory(workspace=workspace, requester="dana@acme.com")


@pytest.fixture
def ask(track: Track) -> Ask:
    return AskFactory(track=track, notify=False, timeout_seconds=86_400)


def test_a_request_is_sent_to_a_colleague_and_the_giver_may_still_decide(ask: Ask) -> None:
    giver = at(ask, CFO)
    done = hand_over(giver, ask)
    assert (done.status, done.location) == (303, path_of(ask))
    page = giver.get(path_of(ask))
    assert "You sent this to s•••@acme.com. You may still answer it yourself." in page.text
    assert forms_of(giver, ask) == ["answer", "not-me"]
    holder = Holder.objects.get(kind="handed_over")
    assert (holder.approver.address, holder.reason) == (SAM, REASON)
    assert giver.answer(ask, value="true").status == 303
    assert Answer.objects.get().decision.approver.address == CFO


def test_who_was_sent_a_request_cannot_send_it_on(ask: Ask) -> None:
    hand_over(at(ask, CFO), ask)
    sam = at(ask, SAM)
    assert forms_of(sam, ask) == ["answer", "not-me"]
    token = sam.get(path_of(ask)).form("/not-me").fields["csrfmiddlewaretoken"]
    sent = {"to": LEE, "reason": "No.", "csrfmiddlewaretoken": token}
    with nothing_written():
        page = sam.post(answer_path(ask).replace("/answer", "/hand-over"), sent)
    assert page.status == 409
    assert "This was passed on already." in page.text


def test_a_request_is_sent_on_once(ask: Ask) -> None:
    giver = at(ask, CFO)
    form = giver.get(path_of(ask)).form("/hand-over")
    giver.post(form.action, form.fields | {"to": SAM, "reason": REASON})
    with nothing_written():
        page = giver.post(form.action, form.fields | {"to": LEE, "reason": REASON})
    assert page.status == 409
    assert "This was passed on already. It can be passed on once." in page.text


@pytest.mark.parametrize(
    ("to", "reason", "words"),
    [
        ("", REASON, "This is not an e-mail address"),
        ("sam", REASON, "This is not an e-mail address"),
        ("sam@acme.com, lee@acme.com", REASON, "This is not an e-mail address"),
        ("sam@acme.com\0", REASON, "Null characters are not allowed."),
        ("x" * 300 + "@acme.com", REASON, "This is not an e-mail address"),
        ("CFO@acme.com", REASON, "This is your own address."),
        ("dana@acme.com", REASON, "Whoever asks for this cannot decide it."),
        ("sam@other.com", REASON, "somebody with the same mail domain"),
        (SAM, "", "Say why, so that they know what this is about."),
        (SAM, " \n ", "Say why, so that they know what this is about."),
        (SAM, "x" * 501, "At most 500 characters; these are 501."),
        (SAM, "a\u202eb", "Character 2 (U+202E) cannot be taken: bidirectional control."),
    ],
)
def test_a_wrong_entry_is_refused_beside_its_field(
    ask: Ask, to: str, reason: str, words: str
) -> None:
    person = at(ask, CFO)
    page = person.get(path_of(ask))
    with nothing_written():
        page = person.send(page, "/hand-over", to=to, reason=reason)
    assert page.status == 422
    assert page.text.count(words) == 2  # in the summary above, and beside the field
    assert "<title>Error: " in page.html
    form = page.form("/hand-over")
    assert (form.fields["to"], form.fields["reason"]) == (to, reason)


def test_somebody_who_is_asked_already_is_not_asked_again(track: Track) -> None:
    ask = several(track)
    person = at(ask, CFO)
    person.get(path_of(ask))
    with nothing_written():
        page = hand_over(person, ask, to=KIM)
    assert page.status == 422
    assert page.text.count("This person is asked already.") == 2


def test_a_policy_of_none_offers_and_takes_nothing(track: Track) -> None:
    ask = AskFactory(track=track, notify=False, delegation="none")
    person = at(ask, CFO)
    assert forms_of(person, ask) == ["answer", "not-me"]
    form = person.get(path_of(ask)).form("/not-me")
    sent = form.fields | {"to": SAM, "reason": REASON}
    with nothing_written():
        page = person.post(form.action.replace("/not-me", "/hand-over"), sent)
    assert page.status == 422


def test_a_policy_of_any_takes_every_address(track: Track) -> None:
    ask = AskFactory(track=track, notify=False, delegation="any")
    assert hand_over(at(ask, CFO), ask, to="sam@other.com").status == 303


@pytest.mark.parametrize("verb", ["hand-over", "not-me"])
def test_only_a_verified_browser_may(ask: Ask, verb: str) -> None:
    stranger, wrong = Person(), at(ask, SAM)
    path = answer_path(ask).replace("/answer", f"/{verb}")
    for person, words in ((stranger, "first show that it’s you"), (wrong, "for c•••@acme.com")):
        form = person.get(path_of(ask)).form("/code")
        with nothing_written():
            page = person.post(path, form.fields | {"to": SAM, "reason": REASON})
        assert page.status == 403
        assert words in page.text
        assert person.get(path).status == 405
        assert person.post(path, {"to": SAM, "reason": REASON}).status == 403  # forged


@pytest.mark.parametrize("verb", ["hand-over", "not-me"])
def test_nothing_is_passed_on_after_the_answer(ask: Ask, verb: str) -> None:
    person = at(ask, CFO)
    form = person.get(path_of(ask)).form(f"/{verb}")
    says(ask, CFO)
    with nothing_written():
        page = person.post(form.action, form.fields | {"to": SAM, "reason": REASON})
    assert page.status == 409
    assert "Nothing was done. It came after this was settled." in page.text


@pytest.mark.parametrize("verb", ["hand-over", "not-me"])
@pytest.mark.parametrize("ask_id", ["ask_" + "0" * 32, "ask_1", "x", "trk_" + "0" * 32])
def test_an_unknown_request_is_not_found(ask: Ask, verb: str, ask_id: str) -> None:
    person = at(ask, CFO)
    form = person.get(path_of(ask)).form(f"/{verb}")
    path = form.action.replace(ask.public_id, ask_id)
    with nothing_written():
        assert person.post(path, form.fields | {"to": SAM, "reason": REASON}).status == 404


def test_a_request_of_another_track_is_not_found(ask: Ask, workspace: Workspace) -> None:
    other = AskFactory(track=TrackFactory(workspace=workspace), notify=False)
    person = at(ask, CFO)
    form = person.get(path_of(ask)).form("/hand-over")
    path = form.action.replace(ask.public_id, other.public_id)
    with nothing_written():
        assert person.post(path, form.fields | {"to": SAM, "reason": REASON}).status == 404


def test_a_protected_track_wants_its_password_first(clock: Clock, workspace: Workspace) -> None:
    track = TrackFactory(workspace=workspace, password="correct horse")
    ask = AskFactory(track=track, notify=False)
    person = at(ask, CFO)
    form = person.get(path_of(ask)).form("/unlock")
    for verb in ("hand-over", "not-me"):
        with nothing_written():
            page = person.post(
                answer_path(ask).replace("/answer", f"/{verb}"),
                form.fields | {"to": SAM, "reason": REASON},
            )
        assert page.status == 403
        assert "Approve the new rate?" not in page.html


def test_an_unsafe_request_is_not_offered_to_be_sent_on(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = at(ask, CFO)
    monkeypatch.setattr("approvals.digest.Display.digest", lambda self: "sha256:" + "0" * 64)
    assert person.get(path_of(ask)).forms == []


# --- not for me -----------------------------------------------------------------------------------


def test_this_is_not_for_me_tells_the_asking_side_and_the_page_says_so(ask: Ask) -> None:
    person = at(ask, CFO)
    done = person.send(person.get(path_of(ask)), "/not-me", reason="I left procurement.")
    assert (done.status, done.location) == (303, path_of(ask))
    page = person.get(path_of(ask))
    assert "You said that this is not for you. Acme was told. You may still answer it." in page.text
    assert forms_of(person, ask) == ["answer", "hand-over"]
    event = Event.objects.get(type="ask.declined")
    assert event.data is not None
    assert (event.data["approver"], event.data["reason"]) == (CFO, "I left procurement.")
    assert person.answer(ask, value="true").status == 303


def test_saying_it_twice_is_saying_it_once(ask: Ask) -> None:
    person = at(ask, CFO)
    form = person.get(path_of(ask)).form("/not-me")
    for _ in range(2):
        assert person.post(form.action, form.fields | {"reason": ""}).status == 303
    assert Decline.objects.count() == 1
    assert kinds(ask.track).count("ask.declined") == 1


@pytest.mark.parametrize("reason", ["x" * 501, "a\u202eb", "a\0b"])
def test_a_wrong_reason_is_refused_beside_its_field(ask: Ask, reason: str) -> None:
    person = at(ask, CFO)
    page = person.get(path_of(ask))
    with nothing_written():
        page = person.send(page, "/not-me", reason=reason)
    assert page.status == 422
    assert page.html.count('id="not_me-error"') == 1
    assert page.form("/not-me").fields["reason"] == reason
    assert page.form("/hand-over").fields["reason"] == ""
