"""The door of a protected track: security.md 2.6 (PG)."""

import unicodedata

import pytest
from django.core.cache import cache

from approvals.models import Ask, Grant
from tests.approvals.person import Page, Person, path_of
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, WorkspaceFactory
from tracks import transitions as track_transitions

pytestmark = pytest.mark.django_db

PASSWORD = "  Größe 你好  "


@pytest.fixture
def ask(clock: Clock) -> Ask:
    workspace = WorkspaceFactory(name="Acme Finance")
    track = TrackFactory(workspace=workspace, password=PASSWORD, title="Redundancies in May")
    return AskFactory(track=track, prompt="Who goes?", notify=False)


@pytest.fixture
def person() -> Person:
    return Person()


def try_password(person: Person, ask: Ask, password: str) -> Page:
    return person.send(person.get(path_of(ask)), "/unlock", password=password)


def test_the_door_names_nothing_but_the_workspace(ask: Ask, person: Person) -> None:
    page = person.get(path_of(ask))
    assert page.status == 200
    assert "Protected request from Acme Finance" in page.text
    for hidden in ("Redundancies", "Who goes", "Bookkeeper", "acme.com", "deadline"):
        assert hidden not in page.html


def test_the_password_opens_the_page_but_proves_no_mailbox(ask: Ask, person: Person) -> None:
    opened = try_password(person, ask, PASSWORD)
    assert (opened.status, opened.location) == (303, path_of(ask))
    page = person.get(path_of(ask))
    assert "Who goes?" in page.text
    assert [form.action for form in page.forms] == [f"{path_of(ask)}/code"]


@pytest.mark.parametrize("wrong", ["größe 你好", PASSWORD.strip(), PASSWORD + " ", "x" * 1000])
def test_pg_01_pg_05_passwords_compare_exactly(ask: Ask, person: Person, wrong: str) -> None:
    page = try_password(person, ask, wrong)
    assert page.status == 422
    assert "This is not the password." in page.text
    assert "Who goes" not in page.html
    assert not Grant.objects.exists()


def test_pg_05_a_password_is_normalized_as_it_was_when_set(ask: Ask, person: Person) -> None:
    decomposed = unicodedata.normalize("NFD", PASSWORD)
    assert decomposed != PASSWORD
    assert try_password(person, ask, decomposed).status == 303


def test_an_empty_password_is_no_try(ask: Ask, person: Person) -> None:
    page = try_password(person, ask, "")
    assert page.status == 422
    assert "Type the password." in page.text


def test_pg_02_after_ten_wrong_ones_everybody_waits_but_is_never_locked_out(
    ask: Ask, person: Person
) -> None:
    for _ in range(10):
        assert try_password(person, ask, "wrong").status == 422
    page = try_password(person, ask, PASSWORD)
    assert page.status == 429
    assert page.response["Retry-After"] == "1"
    assert "Too many wrong passwords. Try again in 1 second." in page.text
    cache.delete(f"unlock-pause:{ask.track_id}")
    assert try_password(person, ask, PASSWORD).status == 303


def test_pg_03_an_unlocked_browser_has_a_new_cookie_for_seven_days(
    ask: Ask, person: Person, clock: Clock
) -> None:
    try_password(person, ask, PASSWORD)
    first = person.viewer_cookie
    person.verify(ask)
    assert person.viewer_cookie != first
    clock.move(days=7)
    assert "Protected request from" in person.get(path_of(ask)).text


def test_pg_04_a_changed_password_locks_again(ask: Ask, person: Person) -> None:
    try_password(person, ask, PASSWORD)
    person.verify(ask)
    track_transitions.update_track(
        track_id=ask.track_id,
        workspace_id=ask.workspace_id,
        changes={"password": "another password"},
        actor=AGENT,
    )
    assert "Protected request from" in person.get(path_of(ask)).text


def test_an_open_track_has_no_door(clock: Clock, person: Person) -> None:
    ask = AskFactory(notify=False)
    token = person.get(path_of(ask)).forms[0].fields
    opened = person.post(f"{path_of(ask)}/unlock", token | {"password": "whatever it is"})
    assert (opened.status, opened.location) == (303, path_of(ask))
    assert not Grant.objects.exists()


def test_everything_behind_the_door_is_refused(ask: Ask, person: Person) -> None:
    for end in ("receipt", "receipt.json"):
        page = person.get(f"{path_of(ask)}/asks/{ask.public_id}/{end}")
        assert page.status == 403
        assert "Protected request from Acme Finance" in page.text
        assert "Who goes" not in page.html
