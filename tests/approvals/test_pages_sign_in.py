"""Proving the mailbox on the pages: security.md 2.4 (ML), as a browser meets it."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.core import mail

from approvals import verification
from approvals.models import Ask, Challenge, Grant, WrongCode
from tests.approvals.person import Person, code_in, mails, path_of, token_in
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer, kinds
from tracks import transitions as track_transitions
from tracks.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(clock: Clock) -> Ask:
    return AskFactory(notify=False)


@pytest.fixture
def person() -> Person:
    return Person()


def is_verified(person: Person, ask: Ask) -> bool:
    return "/answer" in person.get(path_of(ask)).html


def test_a_code_from_the_mail_verifies_the_browser(ask: Ask, person: Person) -> None:
    sent = person.ask_for_mail(ask)
    assert (sent.status, sent.location) == (303, path_of(ask))
    page = person.get(path_of(ask))
    assert "We mailed a link and a code to c•••@acme.com" in page.text
    done = person.send(page, "/code", code=code_in(mails()[-1]))
    assert (done.status, done.location) == (303, path_of(ask))
    assert is_verified(person, ask)
    assert kinds(ask.track)[-2:] == ["approver.verified", "approver.viewed"]


@pytest.mark.django_db(transaction=True)  # the notice is planned after the commit
def test_the_notices_code_works_too(clock: Clock, person: Person) -> None:
    ask = AskFactory()
    page = person.get(path_of(ask))
    assert "The mail about this request went to c•••@acme.com." in page.text
    assert person.send(page, "/code", code=code_in(mails()[-1])).status == 303
    assert is_verified(person, ask)


def test_ml_03_the_link_shows_a_button_and_a_post_follows_it_once(ask: Ask, person: Person) -> None:
    person.ask_for_mail(ask)
    token = token_in(mails()[-1])
    moved = person.get(f"/v/{token}")
    assert (moved.status, moved.location) == (303, "/v/")
    page = person.get("/v/")
    assert "Continue as c•••@acme.com" in page.text
    assert not Grant.objects.exists()
    done = person.send(page, "/v/")
    assert (done.status, done.location) == (303, path_of(ask))
    assert is_verified(person, ask)
    again = person.post(f"/v/{token}", page.form("/v/").fields)
    assert again.status == 410
    assert Grant.objects.count() == 1


def test_the_token_itself_may_be_posted(ask: Ask, person: Person) -> None:
    person.ask_for_mail(ask)
    token = token_in(mails()[-1])
    page = person.get("/t/" + ask.track.slug)
    done = person.post(f"/v/{token}", page.form("/code").fields)
    assert (done.status, done.location) == (303, path_of(ask))
    assert is_verified(person, ask)


def test_ml_12_ml_11_another_browser_is_told_to_type_the_code(ask: Ask, person: Person) -> None:
    person.ask_for_mail(ask)
    token = token_in(mails()[-1])
    other = Person()
    assert other.get(f"/v/{token}").location == "/v/"
    page = other.get("/v/")
    assert page.status == 200
    assert "Go back to where you asked" in page.text
    assert "go back to where you asked and type the code from this mail" in page.text
    assert "c•••@acme.com" in page.text
    assert "cfo@acme.com" not in page.html
    assert path_of(ask) in page.html
    assert page.forms == []
    csrf = other.get(path_of(ask)).form("/code").fields
    assert other.post(f"/v/{token}", csrf).status == 403
    assert not is_verified(other, ask)
    assert Challenge.objects.get().consumed_at is None
    assert person.send(person_at_link(person, token), "/v/").status == 303


def person_at_link(person: Person, token: str) -> Any:
    person.get(f"/v/{token}")
    return person.get("/v/")


def test_ml_01_a_hundred_looks_leave_the_link_as_it_was(ask: Ask, person: Person) -> None:
    person.ask_for_mail(ask)
    token = token_in(mails()[-1])
    before = Challenge.objects.values().get()
    scanner = Person()
    for method in ("get", "head", "options"):
        for _ in range(34):
            getattr(scanner.client, method)(f"/v/{token}")
            getattr(scanner.client, method)("/v/")
    assert Challenge.objects.values().get() == before
    assert kinds(ask.track) == ["track.created", "input_request.created"]
    assert person.send(person_at_link(person, token), "/v/").status == 303


def test_ml_05_old_used_and_unknown_links_are_one_page(
    ask: Ask, person: Person, clock: Clock
) -> None:
    person.ask_for_mail(ask)
    old = token_in(mails()[-1])
    clock.move(minutes=10, milliseconds=1)
    expired = person.get(f"/v/{old}")
    unknown = person.get("/v/" + "x" * 43)
    assert (expired.status, unknown.status) == (410, 410)
    assert expired.text == unknown.text == Person().get("/v/").text
    assert "This link has expired or was used" in expired.text


def test_ml_06_a_new_mail_voids_the_earlier_one_of_this_browser(
    ask: Ask, person: Person, clock: Clock
) -> None:
    other = Person()
    codes = []
    for each in (other, person, person):
        each.ask_for_mail(ask)
        codes.append(code_in(mails()[-1]))
        clock.move(seconds=1)
    others, first, second = codes
    assert person.type_code(ask, first).status == 410
    assert other.type_code(ask, others).status == 303
    assert person.type_code(ask, second).status == 303


def test_ml_07_five_wrong_codes_end_a_challenge_for_this_browser(
    ask: Ask, person: Person, clock: Clock
) -> None:
    person.ask_for_mail(ask)
    right = code_in(mails()[-1])
    for _ in range(5):
        page = person.type_code(ask, "0000-0000")
        assert page.status == 422
        assert "This is not the code from the mail." in page.text
    refused = person.type_code(ask, right)
    assert refused.status == 410
    assert "This code has expired or was used. Ask for a new mail." in refused.text
    assert not is_verified(person, ask)
    clock.move(seconds=1)
    person.verify(ask)
    assert is_verified(person, ask)


def test_ml_07_ten_wrong_codes_pause_codes_but_not_the_link(
    ask: Ask, person: Person, clock: Clock
) -> None:
    for _ in range(2):
        stranger = Person()
        for _ in range(5):
            assert stranger.type_code(ask, "0000-0000").status == 422
    person.ask_for_mail(ask)
    message = mails()[-1]
    page = person.type_code(ask, code_in(message))
    assert page.status == 429
    assert page.response["Retry-After"] == "86400"
    assert "Codes work again in 24 hours; a sign-in link works now." in page.text
    assert person.send(person_at_link(person, token_in(message)), "/v/").status == 303


@pytest.mark.parametrize("typed", ["", "   ", "\t"])
def test_an_empty_code_is_no_try(ask: Ask, person: Person, typed: str) -> None:
    page = person.type_code(ask, typed)
    assert page.status == 422
    assert "Type the code from the mail." in page.text
    assert not WrongCode.objects.exists()


def test_ml_09_case_spaces_and_dashes_are_forgiven(ask: Ask, person: Person) -> None:
    person.ask_for_mail(ask)
    code = code_in(mails()[-1]).lower().replace("-", " – ").replace("0", "o")
    assert person.type_code(ask, f" {code} ").status == 303


@pytest.mark.parametrize("state", ["open", "answered", "cancelled", "quiet", "no address"])
def test_ml_13_verify_answers_alike_in_every_state(clock: Clock, state: str) -> None:
    track = TrackFactory(customer_email=None if state == "no address" else "cfo@acme.com")
    if state in ("open", "answered", "cancelled"):
        ask = AskFactory(track=track)
        if state == "answered":
            answer(ask, True)
        if state == "cancelled":
            track_transitions.complete_track(
                track_id=track.pk, workspace_id=track.workspace_id, summary=None, actor=AGENT
            )
    person = Person()
    token = {"csrfmiddlewaretoken": csrf_of(person)}
    sent = person.post(f"/t/{track.slug}/verify", token)
    assert (sent.status, sent.location) == (303, f"/t/{track.slug}")
    assert sent.html == ""


def csrf_of(person: Person) -> str:
    """Return a token from a page that has a form whatever is open."""
    quiet = TrackFactory()
    return person.get(f"/t/{quiet.slug}").forms[0].fields["csrfmiddlewaretoken"]


@pytest.mark.parametrize("end", ["verify", "code", "unlock"])
def test_ml_13_an_unknown_slug_is_the_same_404_everywhere(
    ask: Ask, person: Person, end: str
) -> None:
    token = {"csrfmiddlewaretoken": csrf_of(person), "code": "0000-0000", "password": "x" * 8}
    page = person.post(f"/t/{'0' * 22}/{end}", token)
    assert page.status == 404
    assert page.text == person.get("/t/" + "0" * 22).text


def test_ml_14_a_fourth_mail_in_a_quarter_of_an_hour_is_refused_in_the_same_words(
    ask: Ask, person: Person, clock: Clock
) -> None:
    for _ in range(3):
        assert person.ask_for_mail(ask).status == 303
        clock.move(minutes=1)
    page = person.ask_for_mail(ask)
    assert page.status == 429
    assert page.response["Retry-After"] == "720"
    assert "We mailed a link and a code to c•••@acme.com." in page.text
    assert "You can ask for another mail in 12 minutes." in page.text
    mails()
    # each made the earlier one of this browser worthless before it was sent
    assert len(mail.outbox) == 1


def test_ml_15_the_links_host_comes_from_the_setting(ask: Ask, person: Person) -> None:
    page = person.get(path_of(ask), Host="127.0.0.1", X_Forwarded_Host="evil.example")
    form = page.form("/code")
    person.post(form.action.replace("/code", "/verify"), form.fields, Host="localhost")
    assert f"{settings.PUBLIC_BASE_URL}/v/" in mails()[-1].body
    assert "evil" not in mails()[-1].body


def test_ml_16_the_landing_page_is_not_kept_and_its_address_names_no_token(
    ask: Ask, person: Person
) -> None:
    person.ask_for_mail(ask)
    token = token_in(mails()[-1])
    page = person_at_link(person, token)
    assert page.response["Cache-Control"] == "no-store"
    assert page.response["Referrer-Policy"] == "same-origin"
    assert page.response["X-Robots-Tag"] == "noindex, nofollow"
    assert "default-src 'none'" in page.response["Content-Security-Policy"]
    assert token not in page.html


def test_ml_17_no_code_and_no_token_is_logged(
    ask: Ask, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    person.ask_for_mail(ask)
    message = mails()[-1]
    person.get(f"/v/{token_in(message)}")
    person.type_code(ask, code_in(message))
    assert token_in(message) not in caplog.text
    assert code_in(message) not in caplog.text
    assert ask.track.slug not in caplog.text


def test_ml_21_a_changed_address_ends_what_was_proven(ask: Ask, person: Person) -> None:
    person.verify(ask)
    answer(ask, True)
    track_transitions.update_track(
        track_id=ask.track_id,
        workspace_id=ask.track.workspace_id,
        changes={"customer_email": "new@acme.com"},
        actor=AGENT,
    )
    assert "Recorded: approved" not in person.get(path_of(ask)).text


def test_ml_22_a_cookie_that_was_planted_is_never_adopted(ask: Ask, person: Person) -> None:
    person.client.cookies[settings.VIEWER_COOKIE_NAME] = "planted"
    person.verify(ask)
    assert person.viewer_cookie != "planted"
    first = person.viewer_cookie
    other = AskFactory()
    person.verify(other)
    assert person.viewer_cookie != first
    assert is_verified(person, ask)
    old = Person()
    old.client.cookies[settings.VIEWER_COOKIE_NAME] = first
    assert not is_verified(old, ask)


def test_se_02_a_verified_browser_is_a_stranger_after_seven_days(
    clock: Clock, person: Person
) -> None:
    ask = AskFactory(timeout_seconds=2_592_000)
    person.verify(ask)
    clock.move(days=7)
    assert not is_verified(person, ask)


def test_se_04_a_revoked_viewer_is_a_stranger_at_once(
    ask: Ask, person: Person, clock: Clock
) -> None:
    person.verify(ask)
    form = person.get(path_of(ask)).form("/answer")
    Grant.objects.update(revoked_at=clock.now)
    assert not is_verified(person, ask)
    assert person.post(form.action, form.fields | {"value": "true"}).status == 403


def test_se_03_a_proof_is_for_one_track(ask: Ask, person: Person) -> None:
    person.verify(ask)
    other = AskFactory(track=TrackFactory(workspace=ask.track.workspace))
    assert not is_verified(person, other)


def test_two_requests_side_by_side_keep_both_links(clock: Clock, person: Person) -> None:
    first, second = AskFactory(notify=False), AskFactory(notify=False)
    person.ask_for_mail(first)
    person.ask_for_mail(second)
    tokens = [token_in(each) for each in mails()]
    for token, ask in zip(tokens, (first, second), strict=True):
        assert person.send(person_at_link(person, token), "/v/").location == path_of(ask)


def test_with_several_mailboxes_one_is_chosen_unseen(clock: Clock, person: Person) -> None:
    ask = AskFactory(approvers=["legal@acme.com"])
    answer(ask, True)
    page = person.get(path_of(ask))
    assert "l•••@acme.com" in page.text
    assert "c•••@acme.com" in page.text
    assert "legal@acme.com" not in page.html
    refused = person.send(page, "/code", code="0000-0000")
    assert refused.status == 422
    assert "Choose your mailbox." in refused.text
    assert not WrongCode.objects.exists()
    forged = person.send(page, "/code", code="0000-0000", approver="cfo@acme.com")
    assert forged.status == 422
    assert not Event.objects.filter(type="approver.verified").exists()


def test_se_01_cookies_are_closed_to_scripts_and_other_sites(
    ask: Ask, person: Person, settings: Any
) -> None:
    settings.IS_HTTPS = True
    person.verify(ask)
    for name in (settings.VIEWER_COOKIE_NAME, settings.PENDING_COOKIE_NAME):
        cookie = person.client.cookies[name]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
            True,
            "Lax",
            "/",
            "",
        )
        assert cookie["secure"] is True
        assert len(cookie.value) < 4096


def test_a_codes_page_names_when_it_stops(ask: Ask, person: Person) -> None:
    person.ask_for_mail(ask)
    assert "Both are good until 10:10 UTC." in person.get(path_of(ask)).text
    assert verification.PAGE_LASTS.total_seconds() == 600


def test_whoever_is_asked_can_tell_which_mailbox_is_theirs(person: Person, clock: Clock) -> None:
    people = ["ceo@acme.com", "cfo@acme.com", "coo@acme.com"]
    ask = AskFactory(approvers=people, track__customer_email=None)
    page = person.get(path_of(ask)).html
    choices = re.findall(r'name="approver" value="[^"]+"><span>([^<]+)</span>', page)
    assert choices == ["ce•••@acme.com", "cf•••@acme.com", "co•••@acme.com"]
