"""Signing in to the queue: the rules of security.md 2.4 (ML), for an address that is typed."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail

from approvals.models import Ask, Grant, QueueMail, WrongQueueCode
from approvals.queue_sign_in import purge, send
from tests.api.refused import nothing_written
from tests.approvals.person import Person, code_in, path_of, token_in
from tests.approvals.queue_person import ask_for_mail, post, queue_mails, sign_in, titles
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, config_of
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

STRANGER = "nobody@elsewhere.com"
CONFIRM = config_of("confirm")


@pytest.fixture
def ask(clock: Clock, workspace: Workspace) -> Ask:
    return asked(workspace)


@pytest.fixture
def person() -> Person:
    return Person()


def asked(workspace: Workspace, **fields: Any) -> Ask:
    on = fields.pop("on", {})
    fields.setdefault("timeout_seconds", 86_400)
    track = TrackFactory(workspace=workspace, **on)
    return AskFactory(track=track, notify=False, **fields)


def is_signed_in(person: Person) -> bool:
    return "Signed in as" in person.get("/queue/").text


def test_a_code_from_the_mail_signs_in_for_seven_days(
    ask: Ask, person: Person, clock: Clock
) -> None:
    sent = ask_for_mail(person, "CFO@Acme.com")
    assert (sent.status, sent.location) == (303, "/queue/")
    (message,) = queue_mails()
    assert message.to == [CFO]  # as it was asked, not as it was typed
    assert message.subject == "Your sign-in link: everything that waits for you"
    page = person.get("/queue/")
    assert "If anything was ever asked of cfo@acme.com here, a mail" in page.text
    done = person.send(page, "/queue/code", code=code_in(message).lower().replace("-", " "))
    assert (done.status, done.location) == (303, "/queue/")
    grant = Grant.objects.get()
    assert (grant.kind, grant.canonical, grant.track, grant.approver) == ("queue", CFO, None, None)
    assert grant.expires_at == clock.now + timedelta(days=7)
    assert titles(person.get("/queue/")) == ["Approve the new rate?"]
    clock.move_to(grant.expires_at)
    assert not is_signed_in(person)


def test_ml_03_the_link_shows_a_button_and_a_post_follows_it_once(ask: Ask, person: Person) -> None:
    ask_for_mail(person)
    token = token_in(queue_mails()[-1])
    with nothing_written():
        moved = person.get(f"/v/{token}")
        page = person.get("/v/")
    assert (moved.status, moved.location) == (303, "/v/")
    assert "Continue as c•••@acme.com" in page.text
    done = person.send(page, "/v/")
    assert (done.status, done.location) == (303, "/queue/")
    assert Grant.objects.get().method == "email_link"
    assert person.send(page, "/v/").status == 410
    assert Grant.objects.count() == 1


def test_ml_02_ml_12_the_link_does_nothing_in_another_browser(ask: Ask, person: Person) -> None:
    ask_for_mail(person)
    token, other = token_in(queue_mails()[-1]), Person()
    with nothing_written():
        other.get(f"/v/{token}")
        page = other.get("/v/")
        csrf = other.get("/queue/").forms[0].fields
        refused = other.post(f"/v/{token}", csrf)
    assert (page.status, refused.status) == (200, 403)
    assert "Go back to where you asked" in page.text
    assert "cfo@acme.com" not in page.html
    assert not is_signed_in(other)
    person.get(f"/v/{token}")
    assert person.send(person.get("/v/"), "/v/").status == 303


def test_a_code_works_in_another_browser_that_asked_for_this_address(
    ask: Ask, person: Person, clock: Clock
) -> None:
    ask_for_mail(person)
    code, other = code_in(queue_mails()[-1]), Person()
    done = post(other, "/queue/code", {"email": CFO, "code": code})
    assert done.status == 303
    assert is_signed_in(other)


def test_known_and_unknown_addresses_are_answered_alike(ask: Ask) -> None:
    known, unknown = Person(), Person()
    answers = {}
    for person, address in ((known, CFO), (unknown, STRANGER)):
        sent = ask_for_mail(person, address)
        page = person.get("/queue/")
        wrong = person.send(page, "/queue/code", code="0000-0000")
        words = [each.text.replace(address, "…") for each in (page, wrong)]
        answers[address] = [sent.status, sent.location, page.status, wrong.status, words]
    assert answers[CFO] == answers[STRANGER]
    assert [message.to for message in queue_mails()] == [[CFO]]
    assert not QueueMail.due(limit=9)


def test_ml_07_five_wrong_codes_kill_the_mail_for_this_browser(ask: Ask, person: Person) -> None:
    ask_for_mail(person)
    code = code_in(queue_mails()[-1])
    page = person.get("/queue/")
    for _ in range(5):
        assert person.send(page, "/queue/code", code="0000-0000").status == 422
    assert person.send(page, "/queue/code", code=code).status == 410
    assert not is_signed_in(person)


def test_ml_07_ten_wrong_codes_a_day_pause_codes_and_not_links(ask: Ask) -> None:
    guesser, owner = Person(), Person()
    for _ in range(2):
        ask_for_mail(guesser)
        for _ in range(5):
            guesser.send(guesser.get("/queue/"), "/queue/code", code="0000-0000")
    ask_for_mail(owner)
    message = queue_mails()[-1]
    page = owner.send(owner.get("/queue/"), "/queue/code", code=code_in(message))
    assert page.status == 429
    assert page.response["Retry-After"] == "86400"
    assert "Codes work again in 24 hours; a sign-in link works now." in page.text
    owner.get(f"/v/{token_in(message)}")
    assert owner.send(owner.get("/v/"), "/v/").status == 303


@pytest.mark.parametrize("address", [CFO, STRANGER])
def test_ml_14_three_mails_in_a_quarter_of_an_hour(
    ask: Ask, person: Person, clock: Clock, address: str
) -> None:
    for _ in range(3):
        assert ask_for_mail(person, address).status == 303
    with nothing_written():
        refused = ask_for_mail(person, address)
    assert (refused.status, refused.response["Retry-After"]) == (429, "900")
    assert "You can ask for another mail in 15 minutes." in refused.text
    assert refused.form("/queue/code").fields["email"] == address  # an earlier code works
    clock.move(minutes=15)
    assert ask_for_mail(person, address).status == 303


def test_ml_14_twenty_mails_an_hour_from_one_place(clock: Clock, person: Person) -> None:
    for number in range(20):
        assert ask_for_mail(person, f"someone{number}@acme.com").status == 303
    assert ask_for_mail(person, CFO).status == 429


@pytest.mark.parametrize(
    "address",
    ["", " ", "dana at acme", "a@b.com, c@d.com", "a@b.com\nBcc: x@y.com", "x" * 300 + "@a.com",
     "\u202ea@b.com", "\0@a.com", "<a@b.com>"],
)  # fmt: skip
def test_ml_19_what_is_no_address_is_refused_beside_its_field(
    clock: Clock, person: Person, address: str
) -> None:
    with nothing_written():
        page = ask_for_mail(person, address)
        code = post(person, "/queue/code", {"email": address, "code": "0000-0000"})
    assert (page.status, code.status) == (422, 422)
    assert page.text.count("This is not an e-mail address, such as name@example.com.") == 2
    assert not mail.outbox


@pytest.mark.parametrize("code", ["", "  ", "１２３４５６７８", "x" * 5000, "\0", "ABCD"])
def test_a_code_that_cannot_be_one_is_refused(ask: Ask, person: Person, code: str) -> None:
    ask_for_mail(person)
    page = person.send(person.get("/queue/"), "/queue/code", code=code)
    assert page.status == 422
    assert not Grant.objects.exists()


def test_a_code_without_an_address_is_refused(clock: Clock, person: Person) -> None:
    assert post(person, "/queue/code", {"code": "0000-0000"}).status == 422
    assert not WrongQueueCode.objects.exists()


def test_ml_05_a_mail_is_good_for_ten_minutes(ask: Ask, person: Person, clock: Clock) -> None:
    ask_for_mail(person)
    message = queue_mails()[-1]
    clock.move(minutes=10)
    assert post(person, "/queue/code", {"email": CFO, "code": code_in(message)}).status == 410
    assert person.get(f"/v/{token_in(message)}").status == 410
    assert not Grant.objects.exists()


def test_ml_06_a_new_mail_voids_what_this_browser_asked_for(ask: Ask, person: Person) -> None:
    ask_for_mail(person)
    first = queue_mails()[-1]
    ask_for_mail(person)
    assert person.get(f"/v/{token_in(first)}").status == 410
    assert person.get(f"/v/{token_in(queue_mails()[-1])}").status == 303


def test_a_mail_that_nobody_wants_any_more_is_not_sent(
    ask: Ask, person: Person, clock: Clock
) -> None:
    ask_for_mail(person)
    clock.move(minutes=11)
    assert queue_mails() == []
    assert not QueueMail.due(limit=9)


def test_a_mail_that_fails_is_sent_again(
    ask: Ask, person: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for_mail(person)
    row = QueueMail.objects.get()
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMultiAlternatives.send", lambda self: 1 / 0)
        send(row.pk)
    row.refresh_from_db()
    assert row.last_error == "ZeroDivisionError('division by zero')"
    assert queue_mails() == []
    clock.move(seconds=20)
    assert len(queue_mails()) == 1


def test_ml_10_nothing_that_lets_anyone_in_is_stored(ask: Ask, person: Person) -> None:
    ask_for_mail(person)
    message = queue_mails()[-1]
    row = repr(QueueMail.objects.values().get())
    assert token_in(message) not in row
    assert code_in(message).replace("-", "") not in row


def test_ml_22_the_cookie_is_new_after_signing_in(ask: Ask, person: Person) -> None:
    person.client.cookies[settings.VIEWER_COOKIE_NAME] = "planted"
    sign_in(person)
    assert person.viewer_cookie != "planted"


def test_signing_out_takes_the_grant_back(ask: Ask, person: Person) -> None:
    person.verify(ask)
    sign_in(person)
    done = post(person, "/queue/sign-out", {})
    assert (done.status, done.location) == (303, "/queue/")
    assert not is_signed_in(person)
    assert "/answer" in person.get(path_of(ask)).html  # proven on the track itself
    assert post(person, "/queue/sign-out", {}).status == 303


def test_whoever_signs_in_as_somebody_else_has_signed_out(
    ask: Ask, workspace: Workspace, person: Person
) -> None:
    asked(workspace, on={"customer_email": "kim@acme.com"})
    sign_in(person)
    post(person, "/queue/sign-in", {"email": "kim@acme.com"})
    code = code_in(queue_mails()[-1])
    post(person, "/queue/code", {"email": "kim@acme.com", "code": code})
    assert "Signed in as kim@acme.com" in person.get("/queue/").text
    assert "/answer" not in person.get(path_of(ask)).html


def test_old_mails_and_wrong_codes_are_forgotten(ask: Ask, person: Person, clock: Clock) -> None:
    ask_for_mail(person)
    person.send(person.get("/queue/"), "/queue/code", code="0000-0000")
    clock.move(hours=24 * 30)
    assert purge() == 0
    clock.move(milliseconds=1)
    assert purge() == 2


@pytest.mark.parametrize("path", ["/queue/sign-in", "/queue/code", "/queue/sign-out"])
def test_only_a_form_of_ours_does_anything(ask: Ask, person: Person, path: str) -> None:
    with nothing_written():
        assert person.get(path).status == 405
        assert person.post(path, {"email": CFO}).status == 403


@pytest.mark.parametrize("path", ["/queue/batch", "/queue/away"])
def test_nothing_is_done_for_whoever_is_not_signed_in(ask: Ask, person: Person, path: str) -> None:
    with nothing_written():
        page = post(person, path, {"ask": ask.public_id, "stand_in": "sam@acme.com"})
    assert page.status == 403
    assert "First show that it’s you." in page.text
    assert titles(page) == []
