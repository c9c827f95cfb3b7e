"""Proving a mailbox (security.md 2.4), function by function, with the clock in hand."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from approvals import tasks, verification
from approvals.grants import Client
from approvals.models import Browser as BrowserRow
from approvals.models import Challenge, Grant, Notification, WrongCode
from approvals.verification import (
    LinkExpired,
    OtherBrowser,
    WrongCodeTyped,
    bound_addresses,
    new_challenge,
)
from config.errors import RateLimited
from tests.approvals.proving import OFFICE, Browser, code_of, other_code, token_of
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    approver_of,
    kinds,
    someone,
)
from tracks.models import Event, Track
from tracks.transitions import update_track


@pytest.fixture
def track(clock: Clock, workspace: Any) -> Track:
    return TrackFactory(workspace=workspace)


@pytest.fixture
def browser() -> Browser:
    return Browser()


def change_email(track: Track, address: str | None) -> None:
    update_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        changes={"customer_email": address},
        actor=AGENT,
    )


# -- asking for a mail -----------------------------------------------------------------------------


def test_asking_plans_one_mail_with_a_link_and_a_code_for_ten_minutes(
    track: Track, browser: Browser, clock: Clock
) -> None:
    challenge = browser.start(track)
    assert (challenge.kind, challenge.approver.address) == ("page", "cfo@acme.com")
    assert challenge.created_at == clock.now
    assert challenge.expires_at == clock.now + timedelta(minutes=10)
    notification = Notification.objects.get()
    assert (notification.kind, notification.challenge) == ("sign_in", challenge)
    assert notification.next_attempt_at == clock.now


def test_nothing_usable_is_stored(track: Track, browser: Browser) -> None:
    """ML-10."""
    challenge = browser.start(track)
    stored = " ".join(map(str, Challenge.objects.values().get().values()))
    for secret in (
        code_of(challenge),
        code_of(challenge).replace("-", ""),
        token_of(challenge),
        browser.nonces[challenge.pk],
    ):
        assert secret not in stored


def test_addresses_that_may_be_proven_are_who_is_asked_and_the_customer(track: Track) -> None:
    assert bound_addresses(track) == ["cfo@acme.com"]
    AskFactory(track=track, approvers=["ceo@acme.com"])
    assert bound_addresses(track) == ["ceo@acme.com", "cfo@acme.com"]


@pytest.mark.parametrize("spelling", ["CFO@ACME.com", "cfo@Acme.com"])
def test_two_spellings_of_one_address_are_offered_once(track: Track, spelling: str) -> None:
    """ML-20."""
    AskFactory(track=track, approvers=[spelling])
    assert bound_addresses(track) == [spelling]


def test_a_track_without_any_address_has_none_to_prove(workspace: Any) -> None:
    assert bound_addresses(TrackFactory(workspace=workspace, customer_email=None)) == []


# -- the link --------------------------------------------------------------------------------------


def test_the_link_verifies_the_browser_that_asked(
    track: Track, browser: Browser, clock: Clock
) -> None:
    challenge = browser.start(track)
    assert browser.follow(challenge) == track
    (grant,) = browser.sees(track).verified
    assert (grant.method, grant.approver) == ("email_link", challenge.approver)
    assert grant.expires_at == clock.now + timedelta(days=7)
    assert (grant.ip, grant.user_agent) == ("192.0.2.7", "Firefox")
    event = Event.objects.get(track=track, type="approver.verified")
    assert (event.actor_type, event.actor_name) == ("approver", "cfo@acme.com")
    assert event.data == {"approver": "cfo@acme.com", "method": "email_link"}


def test_the_link_works_once(track: Track, browser: Browser) -> None:
    """ML-03."""
    challenge = browser.start(track)
    browser.follow(challenge)
    with pytest.raises(LinkExpired):
        browser.follow(challenge)
    assert Grant.objects.count() == 1
    assert kinds(track).count("approver.verified") == 1


def test_another_browser_gains_nothing_and_uses_nothing_up(track: Track, browser: Browser) -> None:
    """ML-11, ML-12."""
    challenge = browser.start(track)
    stranger = Browser("stranger")
    with pytest.raises(OtherBrowser):
        stranger.follow(challenge)
    assert not stranger.is_verified(track)
    assert not Grant.objects.exists()
    browser.follow(challenge)
    assert browser.is_verified(track)


@pytest.mark.parametrize(("minutes", "milliseconds", "works"), [(10, -1, True), (10, 0, False)])
def test_the_link_works_for_ten_minutes(
    track: Track, browser: Browser, clock: Clock, minutes: int, milliseconds: int, works: bool
) -> None:
    """ML-05."""
    challenge = browser.start(track)
    clock.move(minutes=minutes, milliseconds=milliseconds)
    if works:
        browser.follow(challenge)
    else:
        with pytest.raises(LinkExpired):
            browser.follow(challenge)
    assert browser.is_verified(track) is works


@pytest.mark.parametrize("token", ["", "x", "é", "\0", "x" * 43])
def test_an_unknown_link_is_an_expired_one(track: Track, token: str) -> None:
    """ML-05."""
    with pytest.raises(LinkExpired):
        verification.follow_link(token=token, nonce="", viewer=None, client=OFFICE)


def test_the_nonce_is_the_browsers_not_the_mails(track: Track, browser: Browser) -> None:
    challenge = browser.start(track)
    for nonce in ("", "x", token_of(challenge), challenge.nonce_hash):
        browser.nonces[challenge.pk] = nonce
        with pytest.raises(OtherBrowser):
            browser.follow(challenge)


# -- several at once -------------------------------------------------------------------------------


def test_a_new_mail_voids_what_this_browser_asked_for_before(
    track: Track, browser: Browser
) -> None:
    """ML-06."""
    first, second = browser.start(track), browser.start(track)
    with pytest.raises(LinkExpired):
        browser.follow(first)
    with pytest.raises(LinkExpired):
        browser.type(code_of(first), track)
    browser.follow(second)


def test_a_new_mail_leaves_another_browsers_alone(track: Track) -> None:
    """ML-06, ML-12."""
    one, other = Browser("one"), Browser("other")
    first = one.start(track)
    other.start(track)
    one.follow(first)
    assert one.is_verified(track)


def test_at_most_three_are_alive_for_one_address(track: Track, clock: Clock) -> None:
    """ML-06: the oldest goes, never the newest."""
    browsers = [Browser(f"{number}") for number in range(4)]
    challenges = []
    for each in browsers:
        challenges.append(each.start(track))
        clock.move(minutes=2, seconds=30)
        if len(challenges) == 3:
            clock.move(minutes=7, seconds=30)  # past the limit of three mails in a quarter
            Challenge.objects.update(expires_at=clock.now + timedelta(minutes=5))
    alive = Challenge.objects.filter(voided_at=None)
    assert set(alive) == set(challenges[1:])


def test_the_notices_code_is_never_voided(track: Track, browser: Browser, clock: Clock) -> None:
    """ML-06."""
    notice = notice_for(track, clock)
    browser.start(track)
    browser.start(track)
    browser.type(code_of(notice), track)
    assert browser.is_verified(track)


def notice_for(track: Track, clock: Clock) -> Challenge:
    """Return the challenge whose code is in the notice of an ask."""
    ask = AskFactory(track=track, timeout_seconds=2_000_000)
    return new_challenge(
        kind=Challenge.Kind.NOTICE,
        track=track,
        approver=approver_of(ask),
        ask=ask,
        created_at=clock.now,
        expires_at=clock.now + timedelta(hours=24),
    )


# -- the code --------------------------------------------------------------------------------------


def test_the_code_verifies_any_browser_once(track: Track, browser: Browser) -> None:
    challenge = browser.start(track)
    phone, tablet = Browser("phone"), Browser("tablet")
    phone.type(code_of(challenge), track)
    (grant,) = phone.sees(track).verified
    assert (grant.method, grant.approver) == ("email_code", challenge.approver)
    with pytest.raises(LinkExpired):
        tablet.type(code_of(challenge), track)
    with pytest.raises(LinkExpired):
        browser.follow(challenge)


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", " "), str])
def test_the_code_forgives_how_it_is_typed(track: Track, browser: Browser, typed: Any) -> None:
    """ML-09."""
    browser.type(typed(code_of(browser.start(track))), track)
    assert browser.is_verified(track)


@pytest.mark.parametrize(("milliseconds", "works"), [(-1, True), (0, False)])
def test_a_code_from_the_page_works_for_ten_minutes(
    track: Track, browser: Browser, clock: Clock, milliseconds: int, works: bool
) -> None:
    """ML-05."""
    challenge = browser.start(track)
    clock.move(minutes=10, milliseconds=milliseconds)
    if works:
        browser.type(code_of(challenge), track)
    else:
        with pytest.raises(LinkExpired):
            browser.type(code_of(challenge), track)
    assert browser.is_verified(track) is works


@pytest.mark.parametrize(("milliseconds", "works"), [(-1, True), (0, False)])
def test_a_code_from_the_notice_works_for_a_day(
    track: Track, browser: Browser, clock: Clock, milliseconds: int, works: bool
) -> None:
    notice = notice_for(track, clock)
    clock.move(hours=24, milliseconds=milliseconds)
    if works:
        browser.type(code_of(notice), track)
    else:
        with pytest.raises(LinkExpired):
            browser.type(code_of(notice), track)
    assert browser.is_verified(track) is works


def test_a_notice_has_no_link(track: Track, browser: Browser, clock: Clock) -> None:
    notice = notice_for(track, clock)
    assert notice.token_hash is None
    with pytest.raises(LinkExpired):
        browser.follow(notice)


def test_a_code_is_for_its_track_and_its_address(
    track: Track, browser: Browser, workspace: Any
) -> None:
    """ML-08, SE-03."""
    elsewhere = TrackFactory(workspace=workspace)
    challenge = browser.start(track)
    with pytest.raises(WrongCodeTyped):
        browser.type(code_of(challenge), elsewhere)
    with pytest.raises(WrongCodeTyped):
        browser.type(code_of(challenge), track, "ceo@acme.com")
    assert not browser.is_verified(elsewhere)
    browser.type(code_of(challenge), track)


def test_a_code_works_in_whatever_spelling_the_address_is_given(
    track: Track, browser: Browser
) -> None:
    """ML-20."""
    challenge = browser.start(track, "CFO@ACME.COM")
    browser.type(code_of(challenge), track, "cfo@acme.com")
    assert browser.is_verified(track)


# -- wrong codes -----------------------------------------------------------------------------------


def test_a_wrong_code_is_counted_and_grants_nothing(
    track: Track, browser: Browser, clock: Clock
) -> None:
    challenge = browser.start(track)
    with pytest.raises(WrongCodeTyped):
        browser.type(other_code(challenge), track)
    assert not browser.is_verified(track)
    wrong = WrongCode.objects.get()
    assert (wrong.track, wrong.approver, wrong.at) == (track, challenge.approver, clock.now)


def test_what_cannot_be_a_code_is_counted_too(track: Track, browser: Browser) -> None:
    browser.start(track)
    with pytest.raises(WrongCodeTyped):
        browser.type("not a code", track)
    assert WrongCode.objects.count() == 1


def fail(browser: Browser, track: Track, challenge: Challenge, times: int) -> None:
    for _ in range(times):
        with pytest.raises(WrongCodeTyped):
            browser.type(other_code(challenge), track)


def test_after_four_wrong_ones_the_right_one_still_works(track: Track, browser: Browser) -> None:
    challenge = browser.start(track)
    fail(browser, track, challenge, 4)
    browser.type(code_of(challenge), track)
    assert browser.is_verified(track)


def test_after_five_wrong_ones_the_right_one_is_dead_in_this_browser(
    track: Track, browser: Browser
) -> None:
    """ML-07."""
    challenge = browser.start(track)
    fail(browser, track, challenge, 5)
    with pytest.raises(LinkExpired):
        browser.type(code_of(challenge), track)
    assert not browser.is_verified(track)


def test_tries_are_counted_per_challenge_and_browser(track: Track, browser: Browser) -> None:
    challenge = browser.start(track)
    fail(browser, track, challenge, 5)
    Browser("another").type(code_of(challenge), track)


def test_a_new_mail_gives_new_tries(track: Track, browser: Browser, clock: Clock) -> None:
    """ML-07."""
    fail(browser, track, browser.start(track), 5)
    clock.move(milliseconds=1)
    second = browser.start(track)
    browser.type(code_of(second), track)
    assert browser.is_verified(track)


def test_after_ten_wrong_ones_in_a_day_codes_pause_for_all_browsers_but_the_link_works(
    track: Track, browser: Browser, clock: Clock
) -> None:
    """ML-07: a stranger with the slug cannot lock the approver out."""
    challenge = browser.start(track)
    for number in range(5):
        fail(Browser(f"stranger {number}"), track, challenge, 2)
        clock.move(minutes=1)
    with pytest.raises(RateLimited) as refusal:
        browser.type(code_of(challenge), track)
    day_less_five_minutes = 24 * 60 * 60 - 5 * 60
    assert refusal.value.headers == {"Retry-After": f"{day_less_five_minutes}"}
    assert WrongCode.objects.count() == 10
    browser.follow(challenge)
    assert browser.is_verified(track)


def test_codes_work_again_a_day_after_the_oldest_of_the_ten(
    track: Track, browser: Browser, clock: Clock
) -> None:
    challenge = browser.start(track)
    for number in range(5):
        fail(Browser(f"stranger {number}"), track, challenge, 2)
        clock.move(minutes=1)
    clock.move(hours=23, minutes=55)
    later = browser.start(track)
    browser.type(code_of(later), track)
    assert browser.is_verified(track)


def test_wrong_codes_for_one_address_do_not_pause_anothers(
    track: Track, browser: Browser, clock: Clock
) -> None:
    challenge = browser.start(track)
    for number in range(5):
        fail(Browser(f"stranger {number}"), track, challenge, 2)
    theirs = browser.start(track, "ceo@acme.com")
    browser.type(code_of(theirs), track, "ceo@acme.com")


def test_a_code_that_was_right_once_is_no_wrong_try(track: Track, browser: Browser) -> None:
    challenge = browser.start(track)
    browser.type(code_of(challenge), track)
    for _ in range(6):
        with pytest.raises(LinkExpired):
            browser.type(code_of(challenge), track)
    assert not WrongCode.objects.exists()


# -- limits ----------------------------------------------------------------------------------------


def other_office(number: int) -> Browser:
    """Return a browser from an address on the net of its own."""
    return Browser(f"{number}", client=Client(ip=f"198.51.100.{number}", user_agent="x"))


def refused(browser: Browser, track: Track, address: str = "cfo@acme.com") -> int:
    """Return after how many seconds a refused browser may ask again."""
    before = Challenge.objects.count(), Notification.objects.count()
    with pytest.raises(RateLimited) as refusal:
        browser.start(track, address)
    assert (Challenge.objects.count(), Notification.objects.count()) == before
    return int(refusal.value.headers["Retry-After"])


def test_three_mails_to_an_address_in_a_quarter_of_an_hour(track: Track, clock: Clock) -> None:
    """ML-14."""
    for number in range(3):
        other_office(number).start(track)
        clock.move(minutes=1)
    assert refused(other_office(9), track) == 12 * 60
    clock.move(minutes=12, milliseconds=-1)
    assert refused(other_office(9), track) == 1
    clock.move(milliseconds=1)
    other_office(9).start(track)


def test_ten_mails_to_an_address_in_a_day(track: Track, clock: Clock) -> None:
    """ML-14."""
    for number in range(10):
        other_office(number).start(track)
        clock.move(minutes=10)
    assert refused(other_office(99), track) == 24 * 3600 - 100 * 60
    clock.move(hours=24, minutes=-100)
    other_office(99).start(track)


def test_twenty_mails_from_an_address_on_the_net_in_an_hour(
    track: Track, browser: Browser, clock: Clock, workspace: Any
) -> None:
    """ML-14."""
    for number in range(20):
        browser.start(track, f"a{number}@acme.com")
    assert refused(browser, track, "b@acme.com") == 3600
    other_office(1).start(track, "b@acme.com")
    clock.move(hours=1)
    browser.start(track, "c@acme.com")


def test_a_hundred_mails_for_a_workspace_in_an_hour(
    track: Track, clock: Clock, workspace: Any
) -> None:
    """ML-14."""
    approver = someone(workspace, "x@acme.com")
    for _ in range(100):
        new_challenge(
            kind=Challenge.Kind.PAGE,
            track=track,
            approver=approver,
            created_at=clock.now,
            expires_at=clock.now,
        )
    assert refused(other_office(1), track) == 3600
    elsewhere = TrackFactory(workspace=WorkspaceFactory())
    other_office(1).start(elsewhere)
    clock.move(hours=1)
    other_office(1).start(track)


def test_an_asks_own_notice_does_not_count(track: Track, browser: Browser, clock: Clock) -> None:
    ask = AskFactory(track=track)
    for _ in range(12):
        new_challenge(
            kind=Challenge.Kind.NOTICE,
            track=track,
            approver=approver_of(ask),
            ask=ask,
            created_at=clock.now,
            expires_at=clock.now,
        )
    browser.start(track)


# -- a changed address -----------------------------------------------------------------------------


@pytest.mark.parametrize("new", ["ceo@acme.com", None])
def test_a_changed_address_ends_what_was_proven_and_what_is_under_way(
    track: Track, browser: Browser, new: str | None
) -> None:
    """ML-21."""
    browser.follow(browser.start(track))
    pending, phone = Browser("pending"), Browser("phone")
    challenge = pending.start(track)
    change_email(track, new)
    assert not browser.is_verified(track)
    with pytest.raises(LinkExpired):
        pending.follow(challenge)
    with pytest.raises(LinkExpired):
        phone.type(code_of(challenge), track)
    assert kinds(track)[-1] == "track.updated"


def test_it_does_not_come_back_with_the_old_address(track: Track, browser: Browser) -> None:
    browser.follow(browser.start(track))
    change_email(track, "ceo@acme.com")
    change_email(track, "cfo@acme.com")
    assert not browser.is_verified(track)


def test_other_tracks_and_other_addresses_keep_theirs(
    track: Track, browser: Browser, workspace: Any
) -> None:
    elsewhere = TrackFactory(workspace=workspace)
    browser.follow(browser.start(track, "ceo@acme.com"))
    browser.follow(browser.start(elsewhere))
    change_email(track, "cto@acme.com")
    assert browser.is_verified(track)
    assert browser.is_verified(elsewhere)


# -- keys, and forgetting --------------------------------------------------------------------------


def test_a_mail_that_is_under_way_survives_a_rotation_of_the_key(
    track: Track, browser: Browser, settings: Settings
) -> None:
    """OP-04."""
    challenge = browser.start(track)
    said = code_of(challenge), token_of(challenge)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret of forty characters or so"
    assert (code_of(challenge), token_of(challenge)) == said
    browser.type(said[0], track)
    assert browser.is_verified(track)


def test_once_the_key_is_gone_so_is_the_mail(
    track: Track, browser: Browser, settings: Settings
) -> None:
    challenge = browser.start(track)
    said = code_of(challenge)
    settings.SECRET_KEY = "another secret of forty characters or so"
    with pytest.raises(LookupError):
        code_of(challenge)
    with pytest.raises(WrongCodeTyped):
        browser.type(said, track)


def test_verifications_are_forgotten_thirty_days_after_they_ended(
    track: Track, browser: Browser, clock: Clock
) -> None:
    challenge = browser.start(track)
    fail(browser, track, challenge, 1)
    browser.follow(challenge)
    clock.move(days=30)
    assert tasks.purge() == 0
    clock.move(milliseconds=1)
    assert tasks.purge() == 2
    assert not Challenge.objects.exists()
    assert not WrongCode.objects.exists()
    clock.move(days=7, milliseconds=-1)
    assert (Grant.objects.count(), tasks.purge()) == (1, 0)
    clock.move(milliseconds=1)
    assert tasks.purge() == 2
    assert (Grant.objects.count(), BrowserRow.objects.count()) == (0, 0)
