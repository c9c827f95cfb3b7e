"""What a browser has proven: how long, where, and how it is taken back (security.md 2.5, 2.6)."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from approvals import grants
from approvals.grants import Client, viewer_of
from approvals.models import Browser as BrowserRow
from approvals.models import Grant
from tests.approvals.proving import Browser
from tests.conftest import Clock
from tests.factories import AGENT, TrackFactory, someone
from tracks.models import Track
from tracks.transitions import update_track

PASSWORD = "correct horse"


@pytest.fixture
def track(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace)


@pytest.fixture
def protected(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace, password=PASSWORD)


@pytest.fixture
def browser() -> Browser:
    return Browser()


def verify(browser: Browser, track: Track) -> None:
    browser.follow(browser.start(track))


def set_password(track: Track, password: str | None) -> None:
    update_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        changes={"password": password},
        actor=AGENT,
    )


@pytest.mark.parametrize(("milliseconds", "is_verified"), [(-1, True), (0, False), (1000, False)])
def test_a_verified_browser_is_a_stranger_after_seven_days(
    track: Track, browser: Browser, clock: Clock, milliseconds: int, is_verified: bool
) -> None:
    """SE-02: whatever the cookie's own age."""
    verify(browser, track)
    clock.move(days=7, milliseconds=milliseconds)
    assert browser.is_verified(track) is is_verified


@pytest.mark.parametrize(("milliseconds", "is_unlocked"), [(-1, True), (0, False)])
def test_an_unlocked_track_is_locked_again_after_seven_days(
    protected: Track, browser: Browser, clock: Clock, milliseconds: int, is_unlocked: bool
) -> None:
    """PG-03."""
    browser.unlock(protected, PASSWORD)
    clock.move(days=7, milliseconds=milliseconds)
    assert browser.sees(protected).is_unlocked is is_unlocked


def test_a_grant_is_for_its_track(track: Track, browser: Browser, workspace: Any) -> None:
    """SE-03."""
    verify(browser, track)
    assert not browser.is_verified(TrackFactory(workspace=workspace))


def test_a_grant_is_for_its_address(track: Track, browser: Browser, workspace: Any) -> None:
    verify(browser, track)
    cfo, ceo = someone(workspace, "cfo@acme.com"), someone(workspace, "ceo@acme.com")
    viewer = browser.sees(track)
    assert viewer.grant_for({cfo.pk}) is not None
    assert viewer.grant_for({ceo.pk}) is None
    assert viewer.grant_for({ceo.pk, cfo.pk}) == viewer.grant_for({cfo.pk})
    assert viewer.grant_for(set()) is None


def test_the_newest_of_several_proofs_counts(track: Track, browser: Browser, clock: Clock) -> None:
    verify(browser, track)
    clock.move(hours=1)
    verify(browser, track)
    viewer = browser.sees(track)
    assert len(viewer.verified) == 2
    found = viewer.grant_for({grant.approver_id for grant in viewer.verified})
    assert found is not None
    assert found.granted_at == clock.now


def test_a_browser_can_be_verified_on_several_tracks(
    track: Track, browser: Browser, workspace: Any
) -> None:
    other = TrackFactory(workspace=workspace)
    verify(browser, track)
    verify(browser, other)
    assert browser.is_verified(track)
    assert browser.is_verified(other)
    assert BrowserRow.objects.count() == 1


# -- cookies ---------------------------------------------------------------------------------------


def test_each_proof_gives_the_browser_a_new_cookie_and_the_old_one_is_dead(
    track: Track, browser: Browser, workspace: Any
) -> None:
    """ML-22."""
    verify(browser, track)
    old = browser.viewer
    verify(browser, TrackFactory(workspace=workspace))
    assert browser.viewer != old
    assert viewer_of(track, old).verified == []
    assert browser.is_verified(track)


@pytest.mark.parametrize("planted", ["", "x", "x" * 43, "é", "x" * 5000])
def test_a_cookie_that_we_never_issued_is_not_adopted(
    track: Track, browser: Browser, planted: str
) -> None:
    """ML-22."""
    browser.viewer = planted
    verify(browser, track)
    assert browser.viewer != planted
    assert viewer_of(track, planted).verified == []


def test_a_cookie_is_32_random_bytes_and_stored_as_a_hash(track: Track, browser: Browser) -> None:
    """ML-10."""
    verify(browser, track)
    assert browser.viewer is not None
    assert len(browser.viewer) == 43
    stored = BrowserRow.objects.get()
    assert stored.token_hash == grants.hash_of(browser.viewer)
    assert browser.viewer not in str(vars(stored))


@pytest.mark.parametrize("token", [None, "", "x", "\0", "é"])
def test_who_has_no_cookie_of_ours_has_proven_nothing(track: Track, token: str | None) -> None:
    viewer = viewer_of(track, token)
    assert (viewer.is_unlocked, viewer.verified, viewer.unlock) == (True, [], None)


@pytest.mark.parametrize("is_https", [True, False])
def test_the_cookie_is_closed_to_scripts_and_other_sites(
    settings: Settings, is_https: bool
) -> None:
    """SE-01."""
    settings.IS_HTTPS = is_https
    response = HttpResponse()
    grants.set_viewer_cookie(response, "x" * 43)
    cookie = response.cookies[settings.VIEWER_COOKIE_NAME]
    assert cookie["max-age"] == 7 * 24 * 60 * 60
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert bool(cookie["secure"]) is is_https
    assert cookie["domain"] == ""


# -- a password before all -------------------------------------------------------------------------


def test_before_the_password_a_proven_mailbox_counts_for_nothing(
    protected: Track, browser: Browser
) -> None:
    """ML-23: unlock, then verify."""
    verify(browser, protected)
    assert (browser.sees(protected).is_unlocked, browser.is_verified(protected)) == (False, False)
    browser.unlock(protected, PASSWORD)
    assert browser.is_verified(protected)


def test_the_password_proves_no_mailbox(protected: Track, browser: Browser) -> None:
    """PG-03."""
    browser.unlock(protected, PASSWORD)
    viewer = browser.sees(protected)
    assert (viewer.is_unlocked, viewer.verified) == (True, [])
    assert viewer.grant_for({someone(protected.workspace, "cfo@acme.com").pk}) is None


@pytest.mark.parametrize("new", ["another horse", PASSWORD])
def test_a_changed_password_locks_every_browser(
    protected: Track, browser: Browser, new: str
) -> None:
    """PG-04."""
    browser.unlock(protected, PASSWORD)
    set_password(protected, new)
    assert not browser.sees(protected).is_unlocked
    browser.unlock(protected, new)
    assert browser.sees(protected).is_unlocked


def test_a_password_that_was_cleared_and_set_again_locks_too(
    protected: Track, browser: Browser
) -> None:
    """PG-04."""
    browser.unlock(protected, PASSWORD)
    set_password(protected, None)
    assert browser.sees(protected).is_unlocked
    set_password(protected, PASSWORD)
    assert not browser.sees(protected).is_unlocked


def test_a_new_password_leaves_the_proven_mailbox_behind_it(
    protected: Track, browser: Browser
) -> None:
    browser.unlock(protected, PASSWORD)
    verify(browser, protected)
    set_password(protected, "another horse")
    assert not browser.is_verified(protected)
    browser.unlock(protected, "another horse")
    assert browser.is_verified(protected)


def test_how_it_was_verified_names_the_password_too(
    track: Track, protected: Track, browser: Browser
) -> None:
    browser.unlock(protected, PASSWORD)
    verify(browser, protected)
    verify(browser, track)
    shown = []
    for each in (track, protected):
        viewer = browser.sees(each)
        shown.append(viewer.verified_by(viewer.verified[0]))
    assert shown == ["email_link", "email_link+password"]


# -- freshness, revocation -------------------------------------------------------------------------


@pytest.mark.parametrize(("milliseconds", "is_fresh"), [(0, True), (1, False)])
def test_a_proof_is_fresh_for_a_quarter_of_an_hour(
    track: Track, browser: Browser, clock: Clock, milliseconds: int, is_fresh: bool
) -> None:
    """SE-09."""
    verify(browser, track)
    clock.move(minutes=15, milliseconds=milliseconds)
    viewer = browser.sees(track)
    assert viewer.is_fresh(viewer.verified[0]) is is_fresh


@pytest.mark.parametrize("kind", [Grant.Kind.VERIFIED, Grant.Kind.UNLOCK])
def test_what_is_revoked_counts_no_more(
    protected: Track, browser: Browser, clock: Clock, kind: Grant.Kind
) -> None:
    """SE-04."""
    browser.unlock(protected, PASSWORD)
    verify(browser, protected)
    Grant.objects.filter(kind=kind).update(revoked_at=clock.now + timedelta(days=1))
    viewer = browser.sees(protected)
    assert viewer.verified == []
    assert viewer.is_unlocked is (kind == Grant.Kind.VERIFIED)


def test_a_request_is_known_by_its_address_and_a_clean_user_agent() -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="192.0.2.1", HTTP_USER_AGENT="Fire\x00fox\n\x1b[31m" + "x" * 500
    )
    client = Client.of(request)
    assert client.ip == "192.0.2.1"
    assert client.user_agent == ("Firefox[31m" + "x" * 500)[:400]
