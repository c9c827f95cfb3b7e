"""The queue: signing in to it, what it lists, and answering from it."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import handing_over
from approvals.models import Ask, Decision, Grant, QueueMail, WrongQueueCode
from approvals.queue_sign_in import purge, send
from tests.api.refused import nothing_written
from tests.approvals.person import Person, answer_path, code_in, path_of, token_in
from tests.approvals.queue_person import ask_for_mail, post, queue_mails, sign_in, titles
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory, WorkspaceFactory, answer, config_of
from tests.factories import someone as approver_at
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


# --- signing in -----------------------------------------------------------------------------------


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


# --- what waits -----------------------------------------------------------------------------------


def test_everything_on_this_server_is_listed_by_workspace_the_next_one_first(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    other = WorkspaceFactory(name="Northwind")
    soon, late = clock.now + timedelta(hours=2), clock.now - timedelta(hours=1)
    asked(workspace, prompt="Oldest?")
    asked(other, prompt="Due soon?", due_at=soon)
    asked(workspace, prompt="Overdue?", due_at=late)
    asked(other, prompt="Second in Northwind?")
    asked(other, prompt="Not for me?", on={"customer_email": "kim@acme.com"})
    answer(asked(workspace, prompt="Answered?"), True)
    asked(workspace, prompt="Expired?", timeout_seconds=1)
    clock.move(seconds=1)
    sign_in(person)
    page = person.get("/queue/")
    assert titles(page) == ["Overdue?", "Oldest?", "Due soon?", "Second in Northwind?"]
    assert "4 waiting for you" in page.text
    assert "1 overdue" in page.text
    assert page.text.index("Acme 2") < page.text.index("Northwind 2")
    assert "Overdue since Sun 22 Nov, 09:00 UTC" in page.text
    assert "Wanted by Sun 22 Nov, 12:00 UTC (in 119 minutes)" in page.text
    assert "Answer by Mon 23 Nov, 10:00 UTC (in 23 hours)" in page.text


def test_a_line_says_from_whom_how_old_how_risky_and_for_whom(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    ask = asked(workspace, config=CONFIRM | {"risk": "high"}, on={"customer_email": "kim@acme.com"})
    handing_over.hand_over(
        ask_id=ask.pk,
        track_id=ask.track_id,
        giver=approver_at(workspace, "kim@acme.com"),
        to=CFO,
        reason="On leave.",
    )
    clock.move(hours=3)
    sign_in(person)
    text = person.get("/queue/").text
    assert "High risk From Bookkeeper Yes or no, asked 3 hours ago, for kim@acme.com" in text


def test_a_protected_request_shows_its_workspace_alone(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    ask = asked(
        workspace,
        prompt="Fire Dana?",
        config=CONFIRM | {"risk": "high"},
        due_at=clock.now - timedelta(hours=1),
        on={"password": "correct horse", "title": "Severance"},
    )
    sign_in(person)
    page = person.get("/queue/")
    assert titles(page) == ["Protected request from Acme"]
    assert "1 waiting for you" in page.text
    for word in ("Dana", "Severance", "High risk", "Bookkeeper", "verdue since", ask.public_id):
        assert word not in page.html
    for query in ("risk=high", "kind=confirm", "overdue=1", "source=Bookkeeper"):
        assert titles(person.get(f"/queue/?{query}")) == []
    assert titles(person.get("/queue/?workspace=Acme")) == ["Protected request from Acme"]
    locked = person.get(path_of(ask))
    assert "Fire Dana?" not in locked.html
    assert locked.form("/unlock")
    assert person.post(answer_path(ask), locked.form("/unlock").fields).status == 403
    person.send(locked, "/unlock", password="correct horse")
    assert person.get(path_of(ask)).text.count("Fire Dana?") == 1


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ("risk=low", ["Low?"]),
        ("risk=high", ["Late?"]),
        ("kind=choice", ["Which?"]),
        ("overdue=1", ["Late?"]),
        ("workspace=Northwind", ["Which?"]),
        ("source=Bookkeeper&workspace=Acme", ["Late?", "Low?"]),
        ("source=Nobody", []),
        ("risk=low&overdue=1", []),
        ("risk=&kind=&unknown=1", ["Late?", "Low?", "Which?"]),
        ("workspace=" + "x" * 3000, []),
        ("workspace=%00", []),
    ],
)
def test_the_address_bar_filters(
    clock: Clock, workspace: Workspace, person: Person, query: str, listed: list[str]
) -> None:
    asked(workspace, prompt="Low?", config=CONFIRM | {"risk": "low"})
    late = clock.now - timedelta(hours=1)
    asked(workspace, prompt="Late?", config=CONFIRM | {"risk": "high"}, due_at=late)
    asked(WorkspaceFactory(name="Northwind"), prompt="Which?", kind="choice")
    sign_in(person)
    page = person.get(f"/queue/?{query}")
    assert (page.status, titles(page)) == (200, listed)


@pytest.mark.parametrize("query", ["risk=huge", "kind=1", "overdue=yes", "risk=%00"])
def test_a_filter_that_does_not_exist_is_refused(ask: Ask, person: Person, query: str) -> None:
    sign_in(person)
    page = person.get(f"/queue/?{query}")
    assert page.status == 422
    assert "There is no such filter." in page.text
    assert titles(page) == ["Approve the new rate?"]


def test_an_empty_queue_says_what_was_decided_last(ask: Ask, person: Person, clock: Clock) -> None:
    answer(ask, False)
    clock.move(minutes=5)
    sign_in(person)
    page = person.get("/queue/")
    assert "Nothing waiting" in page.text
    assert "Last decided: rejected, Sun 22 Nov, 10:00 UTC (5 minutes ago)" in page.text
    assert "Approve the new rate?" in page.text


def test_the_last_decision_on_a_protected_track_is_not_named(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    answer(asked(workspace, prompt="Fire Dana?", on={"password": "correct horse"}), True)
    sign_in(person)
    page = person.get("/queue/")
    assert "Protected request from Acme" in page.text
    assert "Dana" not in page.html


def test_an_empty_queue_of_somebody_who_never_decided(
    ask: Ask, person: Person, clock: Clock
) -> None:
    clock.move(hours=24)
    sign_in(person)
    assert "Nothing waiting When somebody asks you" in person.get("/queue/").text


def test_looking_changes_nothing(ask: Ask, person: Person) -> None:
    sign_in(person)
    with nothing_written():
        person.get("/queue/")
        person.get("/queue/away")
        person.get("/queue/batch")


def test_500_requests_take_as_many_queries_as_one(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    asked(workspace)
    sign_in(person)
    person.get("/queue/")
    with CaptureQueriesContext(connection) as one:
        person.get("/queue/")
    for number in range(499):
        asked(workspace, prompt=f"Pay invoice {number}?", config=CONFIRM | {"risk": "low"})
    with CaptureQueriesContext(connection) as many:
        page = person.get("/queue/")
    assert len(titles(page)) == 500
    assert (len(one), len(many)) == (3, 3)


# --- answering from it ----------------------------------------------------------------------------


def test_an_answer_from_the_queue_leads_to_the_next(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    first, second, third = (asked(workspace, prompt=f"Number {each}?") for each in "123")
    sign_in(person)
    assert "Everything that waits for you" in person.get(path_of(first)).text
    assert person.answer(first, value="true").status == 303
    page = person.get(path_of(first))
    assert "Next: Number 2? (2 left)" in page.text
    assert f'href="{path_of(second)}"' in page.html
    person.answer(second, value="false")
    assert "Next: Number 3? (1 left)" in person.get(path_of(second)).text
    person.answer(third, value="true")
    assert "Nothing else waits for you. Your queue" in person.get(path_of(third)).text
    decisions = Decision.objects.order_by("at", "pk")
    assert [each.value for each in decisions] == [True, False, True]
    assert {each.verified_by for each in decisions} == {"email_code"}
    assert {each.batch_id for each in decisions} == {None}


def test_who_is_signed_in_nowhere_sees_no_way_to_a_queue(ask: Ask, person: Person) -> None:
    person.verify(ask)
    person.answer(ask, value="true")
    assert "waits for you" not in person.get(path_of(ask)).text


def test_a_grant_of_the_queue_is_worth_nothing_where_the_address_is_not_asked(
    ask: Ask, workspace: Workspace, person: Person
) -> None:
    sign_in(person)
    for workspace_of_it in (workspace, WorkspaceFactory(name="Northwind")):
        other = asked(workspace_of_it, on={"customer_email": "kim@acme.com"})
        page = person.get(path_of(other))
        assert "kim@acme.com" not in page.html
        assert page.form("/code")
        with nothing_written():
            refused = person.post(answer_path(other), page.form("/code").fields)
        assert refused.status == 403


def test_se_09_high_risk_wants_a_fresh_proof_from_the_queue_too(
    clock: Clock, workspace: Workspace, person: Person
) -> None:
    ask = asked(workspace, config=CONFIRM | {"risk": "high"})
    sign_in(person)
    form = person.get(path_of(ask)).form("/answer")
    clock.move(minutes=15, milliseconds=1)
    assert "Show again that it’s you" in person.get(path_of(ask)).text
    refused = person.post(form.action, form.fields | {"value": "true", "confirmed": "1"})
    assert refused.status == 403
    assert not Decision.objects.exists()
    asked(workspace, prompt="And this?")
    person.verify(ask)
    assert person.answer(ask, value="true", confirmed="1").status == 303
    assert "Next: And this? (1 left)" in person.get(path_of(ask)).text


def test_se_04_a_revoked_grant_is_worth_nothing_at_once(ask: Ask, person: Person) -> None:
    sign_in(person)
    form = person.get(path_of(ask)).form("/answer")
    Grant.objects.update(revoked_at=Grant.objects.get().granted_at)
    assert person.post(form.action, form.fields | {"value": "true"}).status == 403
    assert not Decision.objects.exists()
