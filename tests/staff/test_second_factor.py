"""Staff prove who they are with a code as well, where they have one or a workspace wants it."""

import re
from base64 import b32decode
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP

from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tests.staff.conftest import Hire
from tracks.models import Authenticator, Entry, RecoveryCode, Track, Workspace
from tracks.people import keep_authenticator
from tracks.staff.reach import actor_of

pytestmark = pytest.mark.django_db

ENTER, SET_UP = "/admin/second-factor/", "/admin/second-factor/set-up/"
CODES = "/admin/second-factor/codes/"
LIST = "/admin/tracks/track/"
KEY = "3132333435363738393031323334353637383930"  # of RFC 6238, appendix B


@pytest.fixture
def strict(workspace: Workspace) -> Workspace:
    """A workspace whose staff must have a second factor."""
    workspace.requires_totp = True
    workspace.save()
    return workspace


@pytest.fixture
def viewer(clock: Clock, hire: Hire, workspace: Workspace) -> Client:
    return hire("Viewer", workspace)


@pytest.fixture
def enrolled(viewer: Client) -> Client:
    """A browser of somebody who has an authenticator, and has typed their password alone."""
    user = get_user_model().objects.get()
    keep_authenticator(user, key=KEY, step=-1, actor=actor_of(user))
    return viewer


def code_at(clock: Clock, key: str = KEY, **later: float) -> str:
    totp = TOTP(bytes.fromhex(key))
    totp.time = (clock.now + timedelta(**later)).timestamp()
    return f"{totp.token():06}"


def offered(page: str) -> tuple[str, str]:
    """Return the key in a form, sealed, and as its reader types it."""
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    secret = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", page)
    assert sealed
    assert secret
    return sealed[1], secret[1]


def set_up(client: Client, clock: Clock) -> list[str]:
    """Set an authenticator up, and return the recovery codes."""
    sealed, secret = offered(client.get(SET_UP).content.decode())
    key = b32decode(secret).hex()
    shown = client.post(SET_UP, {"sealed": sealed, "code": code_at(clock, key)})
    return re.findall(r"[a-z2-9]{4}(?:-[a-z2-9]{4}){3}", shown.content.decode())


def is_in(client: Client) -> bool:
    return client.get(LIST).status_code == 200


def test_the_codes_are_those_of_the_standard(clock: Clock, enrolled: Client) -> None:
    """RFC 6238, appendix B: at 59 seconds the code ends in 287082."""
    clock.move_to(clock.now.fromtimestamp(59, tz=clock.now.tzinfo))
    assert enrolled.post(ENTER, {"code": "287082"}).status_code == 302


# -- who must --------------------------------------------------------------------------------------


def test_without_one_and_without_a_rule_nothing_is_asked(viewer: Client) -> None:
    assert is_in(viewer)


@pytest.mark.parametrize("path", ["/admin/", LIST, "/admin/autocomplete/"])
def test_where_it_is_required_staff_are_led_to_set_one_up(
    viewer: Client, strict: Workspace, path: str
) -> None:
    for answer in (viewer.get(path), viewer.post(path, {"reason": "x"})):
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, SET_UP)


def test_it_is_required_of_those_who_work_there_and_of_superusers(
    clock: Clock, hire: Hire, boss: Client, strict: Workspace
) -> None:
    elsewhere = hire("Owner", WorkspaceFactory(), name="elsewhere@acme.com")
    assert is_in(elsewhere)
    assert not is_in(boss)


def test_until_then_a_direct_post_does_nothing(hire: Hire, strict: Workspace, track: Track) -> None:
    owner = hire("Owner", strict)
    with nothing_written():
        owner.post(f"/admin/tracks/workspace/{strict.pk}/change/", {"time_zone": "UTC"})
        owner.post("/admin/tracks/event/export/", {"format": "csv", "reason": "x"})


def test_a_stranger_learns_nothing(client: Client) -> None:
    for path in (ENTER, SET_UP, CODES):
        assert client.get(path)["Location"].startswith("/admin/login/")


# -- setting one up --------------------------------------------------------------------------------


def test_setting_one_up(viewer: Client, clock: Clock, strict: Workspace) -> None:
    codes = set_up(viewer, clock)
    assert len(set(codes)) == 10
    assert is_in(viewer)
    assert Entry.objects.get().type == "second_factor.set_up"
    stored = RecoveryCode.objects.values_list("digest", flat=True)
    assert not set(stored) & {code.replace("-", "") for code in codes}


def test_looking_at_the_page_keeps_nothing(viewer: Client) -> None:
    with nothing_written():
        first, second = viewer.get(SET_UP), viewer.get(SET_UP)
    assert offered(first.content.decode())[1] != offered(second.content.decode())[1]
    assert "<svg" in first.content.decode()
    assert re.findall(r'(?:src|href)="https?://', first.content.decode()) == []


def test_a_wrong_code_keeps_the_key_on_the_page_and_nowhere_else(viewer: Client) -> None:
    sealed, secret = offered(viewer.get(SET_UP).content.decode())
    with nothing_written():
        shown = viewer.post(SET_UP, {"sealed": sealed, "code": "000000"}).content.decode()
    assert offered(shown) == (sealed, secret)
    assert "This code is not right" in shown


def test_the_key_of_somebody_else_is_not_taken(
    viewer: Client, hire: Hire, clock: Clock, workspace: Workspace
) -> None:
    theirs = hire("Owner", workspace)
    sealed, secret = offered(theirs.get(SET_UP).content.decode())
    key = b32decode(secret).hex()
    with nothing_written():
        viewer.post(SET_UP, {"sealed": sealed, "code": code_at(clock, key)})
        viewer.post(SET_UP, {"sealed": "x", "code": "000000"})


def test_a_key_that_waited_too_long_is_not_taken(viewer: Client, clock: Clock) -> None:
    sealed, secret = offered(viewer.get(SET_UP).content.decode())
    key = b32decode(secret).hex()
    clock.move(minutes=30)
    with nothing_written():
        viewer.post(SET_UP, {"sealed": sealed, "code": code_at(clock, key)})


def test_the_key_is_stored_encrypted(enrolled: Client) -> None:
    raw = Authenticator.objects.extra(select={"raw": "key"}).values_list("raw", flat=True)[0]
    assert KEY not in raw
    assert Authenticator.objects.get().key == KEY


def test_one_takes_the_place_of_another_once_that_was_shown(enrolled: Client, clock: Clock) -> None:
    assert enrolled.get(SET_UP)["Location"] == ENTER
    enrolled.post(ENTER, {"code": code_at(clock)})
    set_up(enrolled, clock)
    assert Authenticator.objects.get().key != KEY
    assert is_in(enrolled)


# -- entering a code -------------------------------------------------------------------------------


def test_whoever_has_one_enters_a_code_first(enrolled: Client, clock: Clock) -> None:
    answer = enrolled.get(LIST)
    assert answer["Location"] == f"{ENTER}?{urlencode({'next': LIST})}"
    done = enrolled.post(answer["Location"], {"code": code_at(clock)})
    assert done["Location"] == LIST
    assert is_in(enrolled)


def test_another_browser_enters_its_own(enrolled: Client, clock: Clock) -> None:
    enrolled.post(ENTER, {"code": code_at(clock)})
    other = Client()
    other.force_login(get_user_model().objects.get())
    assert not is_in(other)


def test_a_code_is_taken_once(enrolled: Client, clock: Clock) -> None:
    code = code_at(clock)
    enrolled.post(ENTER, {"code": code})
    other = Client()
    other.force_login(get_user_model().objects.get())
    other.post(ENTER, {"code": code})
    assert not is_in(other)


@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_code_of_another_time_is_refused(enrolled: Client, clock: Clock, seconds: int) -> None:
    shown = enrolled.post(ENTER, {"code": code_at(clock, seconds=seconds)})
    assert shown.status_code == 200
    assert not is_in(enrolled)


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "१२३४५६", "-12345", "0" * 40, "x" * 41])
def test_what_is_no_code_is_refused(enrolled: Client, code: str) -> None:
    assert enrolled.post(ENTER, {"code": code}).status_code == 200
    assert not is_in(enrolled)


def test_wrong_codes_make_the_next_wait(enrolled: Client, clock: Clock) -> None:
    for _ in range(4):
        enrolled.post(ENTER, {"code": "000000"})
        Authenticator.objects.update(
            throttling_failure_timestamp=timezone.now() - timedelta(minutes=10)
        )
    enrolled.post(ENTER, {"code": "000000"})
    shown = enrolled.post(ENTER, {"code": code_at(clock)}).content.decode()
    assert "This code was not taken. Wait" in shown
    assert not is_in(enrolled)
    assert Authenticator.objects.get().throttling_failure_count == 5


def test_one_second_is_one(enrolled: Client, clock: Clock) -> None:
    failed_at = timezone.now() + timedelta(hours=1)
    Authenticator.objects.update(throttling_failure_count=1, throttling_failure_timestamp=failed_at)
    clock.move(seconds=(failed_at - clock.now).total_seconds() + 0.5)
    shown = enrolled.post(ENTER, {"code": "000000"}).content.decode()
    assert "This code was not taken. Wait 1 second before the next try." in shown


def test_the_pauses_have_an_end(enrolled: Client) -> None:
    ten_minutes_ago = timezone.now() - timedelta(minutes=10)
    Authenticator.objects.update(
        throttling_failure_count=10, throttling_failure_timestamp=ten_minutes_ago
    )
    enrolled.post(ENTER, {"code": "000000"})
    assert Authenticator.objects.get().throttling_failure_timestamp > ten_minutes_ago
    assert Authenticator.objects.get().throttling_failure_count == 10


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example/admin/", "/queue/", "javascript:alert(1)"]
)
def test_it_leads_nowhere_else(enrolled: Client, clock: Clock, wanted: str) -> None:
    done = enrolled.post(f"{ENTER}?next={wanted}", {"code": code_at(clock)})
    assert done["Location"] == "/admin/"


# -- recovery codes --------------------------------------------------------------------------------


def test_a_recovery_code_lets_in_once(viewer: Client, clock: Clock) -> None:
    codes = set_up(viewer, clock)
    for code, lets_in in ((codes[0], True), (codes[0], False), (codes[1].upper(), True)):
        Authenticator.objects.update(throttling_failure_count=0)
        other = Client()
        other.force_login(get_user_model().objects.get())
        other.post(ENTER, {"code": code})
        assert is_in(other) is lets_in
    assert RecoveryCode.objects.count() == 8


def test_new_recovery_codes_end_the_old_ones(viewer: Client, clock: Clock) -> None:
    old = set_up(viewer, clock)
    with nothing_written():
        viewer.get(CODES)
    shown = viewer.post(CODES).content.decode()
    assert shown.count("select-all") == 10
    other = Client()
    other.force_login(get_user_model().objects.get())
    other.post(ENTER, {"code": old[0]})
    assert not is_in(other)


def test_new_recovery_codes_want_the_second_factor(enrolled: Client) -> None:
    with nothing_written():
        assert enrolled.post(CODES)["Location"] == ENTER


# -- the password before it ------------------------------------------------------------------------


def sign_in(client: Client, password: str, **fields: Any) -> bool:
    answer = client.post(
        "/admin/login/", {"username": "eve@acme.com", "password": password} | fields
    )
    return bool(answer.status_code == 302)


@pytest.fixture
def eve(db: None) -> None:
    get_user_model().objects.create_user("eve@acme.com", password="correct horse", is_staff=True)


def test_too_many_wrong_passwords_end_in_a_pause(client: Client, eve: None) -> None:
    for _ in range(5):
        assert not sign_in(client, "wrong")
    assert not sign_in(client, "correct horse")
    shown = client.post("/admin/login/", {"username": "EVE@acme.com", "password": "x"})
    assert "Too many wrong passwords." in shown.content.decode()


def test_somebody_else_s_tries_lock_nobody_out(client: Client, eve: None) -> None:
    for _ in range(6):
        sign_in(client, "wrong")
    assert sign_in(Client(REMOTE_ADDR="192.0.2.9"), "correct horse")


def test_the_right_password_starts_the_count_anew(client: Client, eve: None) -> None:
    for _ in range(2):
        for _ in range(4):
            assert not sign_in(client, "wrong")
        assert sign_in(client, "correct horse")
        client.logout()
