"""What connectors talk through: errors, pauses, clocks, budgets, and no secret anywhere."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from pytest_django import Settings

from mirroring.connectors import http
from mirroring.connectors.auth import Basic, ClientCredentials, HeaderSecret, TokenLogin
from mirroring.connectors.base import ConnectorError, Gone, Kind, Outcome, Result
from mirroring.connectors.http import Budget, Session, read_retry_after
from mirroring.connectors.outcomes import (
    outcome_before_sending,
    outcome_of_answer,
    outcome_of_error,
)
from tests import receivers
from tests.mirroring.connectors.api import Api
from tests.receivers import Script

SECRET = "s3cr3t-t0k3n"


def read(session: Session, path: str = "/items") -> object:
    return session.read(path, purpose="get").json


def test_amounts_stay_exact_and_the_token_is_sent(api: Api) -> None:
    api.on("GET /items", b'{"amount": 750.50}')
    session = Session(api.url, auth=HeaderSecret(SECRET, scheme="token"))
    assert read(session) == {"amount": Decimal("750.50")}
    assert api.asked()[0].headers["authorization"] == f"token {SECRET}"
    assert api.asked()[0].headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("status", "kind", "permanent"),
    [
        (302, Kind.BAD_ANSWER, True),
        (400, Kind.BAD_REQUEST, True),
        (401, Kind.AUTH, True),
        (403, Kind.FORBIDDEN, True),
        (404, Kind.GONE, True),
        (410, Kind.GONE, True),
        (429, Kind.RATE_LIMITED, False),
        (500, Kind.SERVER, False),
        (503, Kind.SERVER, False),
    ],
)
def test_each_status_has_its_kind(api: Api, status: int, kind: Kind, permanent: bool) -> None:
    api.on("GET /items", b"no", status=status)
    with pytest.raises(ConnectorError) as failure:
        read(Session(api.url))
    error = failure.value
    assert (error.kind, error.permanent, error.status) == (kind, permanent, status)
    assert isinstance(error, Gone) is (kind == Kind.GONE)


def test_no_message_has_a_secret_or_a_query(api: Api) -> None:
    api.on("GET /items", f"you sent {SECRET} and other-secret".encode(), status=500)
    session = Session(api.url, auth=HeaderSecret(SECRET), secrets=["other-secret"])
    with pytest.raises(ConnectorError) as failure:
        session.read("/items", purpose="get", query={"q": "private"})
    told = str(failure.value)
    assert told == f"GET {api.url}/items was answered with 500: you sent [secret] and [secret]"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (receivers.reset, Kind.TIMEOUT),
        (receivers.hang, Kind.TIMEOUT),
        (receivers.cut_short, Kind.TIMEOUT),
        (receivers.endless_headers, Kind.BAD_ANSWER),
        (receivers.endless(200), Kind.BAD_ANSWER),
        (receivers.reply(200, b"<html>"), Kind.BAD_ANSWER),
        (receivers.reply(200, b'{"a": 1, "a": 2}'), Kind.BAD_ANSWER),
    ],
)
def test_an_answer_that_is_none_is_told_by_its_kind(api: Api, script: Script, kind: Kind) -> None:
    api.on("GET /items", script)
    with pytest.raises(ConnectorError) as failure:
        read(Session(api.url, total=0.4, largest=50_000))
    assert (failure.value.kind, failure.value.permanent) == (kind, False)


def test_a_system_that_does_not_listen_was_sent_nothing(api: Api) -> None:
    api.receiver.close()
    with pytest.raises(ConnectorError) as failure:
        read(Session(api.url))
    assert failure.value.kind == Kind.UNREACHABLE
    assert outcome_of_error(failure.value).result == Result.RETRY_LATER


def test_a_private_address_wants_the_operators_permission(api: Api, settings: Settings) -> None:
    settings.EGRESS_ALLOW = []
    with pytest.raises(ConnectorError) as failure:
        read(Session(api.url))
    assert failure.value.kind == Kind.UNREACHABLE
    assert api.asked() == []


def test_no_link_leads_elsewhere_and_no_path_upwards(api: Api) -> None:
    session = Session(f"{api.url}/api", auth=HeaderSecret(SECRET))
    for path in ("http://127.0.0.1:1/api/items", "https://example.com/", "/items/../admin"):
        with pytest.raises(ConnectorError) as failure:
            read(session, path)
        assert failure.value.kind == Kind.BAD_ANSWER
    assert api.asked() == []


def test_a_header_with_a_line_break_is_not_sent(api: Api) -> None:
    for secret in ("a\r\nX-Admin: 1", "schlüssel", ""):
        with pytest.raises(ConnectorError) as failure:
            read(Session(api.url, auth=HeaderSecret(secret, scheme="")))
        assert failure.value.kind == Kind.BAD_REQUEST
    assert api.asked() == []


# -- pauses and clocks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("17", 17),
        (" 0 ", 0),
        ("1.5", 1.5),
        ("999999999", 86_400),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
    ],
)
def test_a_pause_is_in_seconds_whichever_way_it_is_told(
    value: str | None, seconds: float | None
) -> None:
    assert read_retry_after(value, "Sun, 22 Nov 2026 10:00:00 GMT") == seconds


def test_a_limit_without_a_pause_pauses_all_the_same(api: Api) -> None:
    api.on("GET /items", b"", status=429)
    with pytest.raises(ConnectorError) as failure:
        read(Session(api.url))
    assert failure.value.retry_after == 60


def test_the_clock_of_the_system_is_compared(api: Api) -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=90)
    api.on("GET /items", {}, Date=format_datetime(ahead, usegmt=True))
    session = Session(api.url)
    read(session)
    assert session.skew == pytest.approx(90, abs=2)
    assert abs(session.now() - ahead) < timedelta(seconds=2)


def test_decisions_may_use_what_lists_may_not() -> None:
    budget = Budget(10)
    for _ in range(7):
        budget.spend("list")
    with pytest.raises(ConnectorError) as failure:
        budget.spend("list")
    assert failure.value.kind == Kind.RATE_LIMITED
    assert failure.value.retry_after == pytest.approx(6, abs=0.2)
    for _ in range(3):
        budget.spend("decide")
    with pytest.raises(ConnectorError):
        budget.spend("decide")


def test_the_smallest_budget_is_enough_for_a_list() -> None:
    Budget(1).spend("list")


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_holds_for_all_of_the_owner(
    api: Api, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    now = [1000.0]
    monkeypatch.setattr(http, "steady", lambda: now[0])
    api.on("GET /items", {}, status=status, **{"Retry-After": "600"})
    one, other, stranger = (Session(api.url) for _ in range(3))
    for session, owner in ((one, "con_1"), (other, "con_1"), (stranger, "con_2")):
        session.limit(owner, 100)
    one.send("GET", "/items", purpose="note")
    now[0] += 599
    for purpose in ("decide", "get", "note", "list"):
        with pytest.raises(ConnectorError, match=r"it ends in 1 s\.") as failure:
            other.send("GET", "/items", purpose=purpose)
        assert (failure.value.kind, failure.value.retry_after) == (Kind.RATE_LIMITED, 1.0)
    assert len(api.asked()) == 1
    stranger.send("GET", "/items", purpose="list")
    now[0] += 1
    api.on("GET /items", {})
    other.send("GET", "/items", purpose="list")
    assert len(api.asked()) == 3


def test_a_shorter_pause_does_not_end_a_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "steady", lambda: 1000.0)
    budget = Budget(100)
    for seconds in (60.0, 5.0):
        budget.pause(seconds)
    with pytest.raises(ConnectorError) as failure:
        budget.spend("decide")
    assert failure.value.retry_after == 60.0


def test_what_is_refused_without_asking_for_a_pause_holds_nobody_up(api: Api) -> None:
    api.on("GET /items", {}, status=403, **{"Retry-After": "600"})
    session = Session(api.url, per_minute=100)
    for _ in range(2):
        assert session.send("GET", "/items", purpose="get").status == 403


def test_sessions_to_the_same_place_share_a_budget(api: Api) -> None:
    api.on("GET /items", {})
    Session(api.url, per_minute=1).send("GET", "/items", purpose="decide")
    with pytest.raises(ConnectorError) as failure:
        Session(api.url, per_minute=1).send("GET", "/items", purpose="decide")
    assert failure.value.kind == Kind.RATE_LIMITED
    assert len(api.asked()) == 1


# -- credentials -----------------------------------------------------------------------------------


def test_a_user_name_and_password_are_sent_as_the_rfc_has_them(api: Api) -> None:
    api.on("GET /items", {})
    read(Session(api.url, auth=Basic("Aladdin", "open sesame")))
    sent = api.asked()[0].headers["authorization"]
    assert sent == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def credentials(url: str) -> ClientCredentials:
    return ClientCredentials(f"{url}/token", "sayso", SECRET, scope="approvals")


def login(url: str) -> TokenLogin:
    return TokenLogin(f"{url}/token", {"username": "sayso", "password": SECRET})


@pytest.mark.parametrize("make", [credentials, login])
def test_a_token_is_asked_for_once(api: Api, make: Callable[[str], TokenLogin]) -> None:
    api.on("POST /token", {"access_token": "t1", "expires_in": 3600}, status=201)
    api.on("GET /items", {})
    for _ in range(3):
        read(Session(api.url, auth=make(api.url)))
    assert len(api.asked("POST /token")) == 1
    assert {seen.headers["authorization"] for seen in api.asked("GET")} == {"Bearer t1"}


@pytest.mark.parametrize("make", [credentials, login])
def test_a_token_that_is_refused_is_asked_for_anew_once(
    api: Api, make: Callable[[str], TokenLogin]
) -> None:
    api.on("POST /token", {"access_token": "old"}, {"access_token": "new"})
    api.on("GET /items", receivers.reply(401), receivers.reply(200, b"[]"), receivers.reply(401))
    session = Session(api.url, auth=make(api.url))
    assert read(session) == []
    with pytest.raises(ConnectorError) as failure:
        read(session)
    assert failure.value.kind == Kind.AUTH
    assert len(api.asked("GET")) == 4


def test_client_credentials_are_a_form(api: Api) -> None:
    api.on("POST /token", {"access_token": "t1"})
    api.on("GET /items", {})
    read(Session(api.url, auth=credentials(api.url)))
    asked = api.asked("POST")[0]
    assert asked.body == b"grant_type=client_credentials&scope=approvals"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": SECRET}, Kind.AUTH),
        (400, {"error": "invalid_client"}, Kind.AUTH),
        (200, {"error": SECRET}, Kind.AUTH),
        (200, SECRET.encode(), Kind.AUTH),
        (503, SECRET.encode(), Kind.SERVER),
    ],
)
def test_without_a_token_nothing_else_is_asked(
    api: Api, status: int, body: object, kind: Kind
) -> None:
    api.on("POST /token", body, status=status)
    with pytest.raises(ConnectorError) as failure:
        read(Session(api.url, auth=login(api.url)))
    assert failure.value.kind == kind
    assert SECRET not in str(failure.value)
    assert api.asked("GET") == []


# -- outcomes --------------------------------------------------------------------------------------


def decide(session: Session) -> Outcome:
    try:
        return outcome_of_answer(session.send("POST", "/decide", purpose="decide", body={}))
    except ConnectorError as error:
        return outcome_of_error(error)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.APPLIED),
        (202, Result.ACCEPTED),
        (204, Result.APPLIED),
        (302, Result.UNKNOWN),
        (400, Result.UNKNOWN),
        (403, Result.FORBIDDEN),
        (404, Result.GONE),
        (409, Result.CONFLICT),
        (412, Result.CONFLICT),
        (422, Result.NEEDS_INPUT),
        (429, Result.RETRY_LATER),
        (500, Result.UNKNOWN),
        (503, Result.RETRY_LATER),
    ],
)
def test_each_status_of_a_decision_has_its_outcome(api: Api, status: int, result: Result) -> None:
    api.on("POST /decide", b"", status=status)
    assert decide(Session(api.url)).result == result


def test_a_decision_without_an_answer_may_have_been_made(api: Api) -> None:
    api.on("POST /decide", receivers.hang)
    assert decide(Session(api.url, total=0.3)).result == Result.UNKNOWN
    api.on("POST /decide", receivers.cut_short)
    assert decide(Session(api.url)).result == Result.UNKNOWN


def test_wrong_credentials_are_no_outcome(api: Api) -> None:
    api.on("POST /decide", b"", status=401)
    with pytest.raises(ConnectorError):
        decide(Session(api.url))


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Gone("gone"), Result.GONE),
        (ConnectorError("no", kind=Kind.FORBIDDEN, permanent=True), Result.FORBIDDEN),
        (ConnectorError("busy", kind=Kind.SERVER), Result.RETRY_LATER),
        (ConnectorError("silent", kind=Kind.TIMEOUT), Result.RETRY_LATER),
    ],
)
def test_what_fails_before_the_decision_decides_nothing(
    error: ConnectorError, result: Result
) -> None:
    assert outcome_before_sending(error).result == result
