"""What goes wrong in Coupa, thing by thing and at random, against an emulator of it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mirroring.connectors.base import ConnectorError, Gone, Kind, Person, Result, State
from mirroring.connectors.coupa import Coupa
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.coupa_system import CoupaSystem
from tests.mirroring.connectors.ordeal import live_through
from tests.mirroring.connectors.system import find, one_pass
from tests.mirroring.connectors.test_contract import ALICE, decide
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.server import Asked, Said

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def over(api: Api) -> Coupa:
    return Coupa({"base_url": api.url, "client_id": "id", "client_secret": "secret"})


# -- pages -----------------------------------------------------------------------------------------


def test_a_short_page_is_not_the_last(coupa: CoupaSystem) -> None:
    refs = {coupa.open(f"Short {index}") for index in range(7)}
    coupa.server.faults.add(faults.SHORT_PAGE, times=3)
    items, _ = one_pass(coupa.connector(), limit=4)
    assert {item.external_id for item in items} == refs
    assert coupa.server.faults.struck[faults.SHORT_PAGE] == 3


def test_equal_times_are_told_apart_by_offsets(coupa: CoupaSystem) -> None:
    coupa.server.faults.add(faults.EQUAL_TIMES, times=None)
    refs = {coupa.open(f"Equal {index}") for index in range(9)}
    items, cursor = one_pass(coupa.connector(), limit=2)
    assert {item.external_id for item in items} == refs
    again, _ = one_pass(coupa.connector(), cursor, limit=2)
    assert {item.external_id for item in again} == refs


def test_a_page_of_rows_that_cannot_be_read_is_gone_past(api: Api) -> None:
    api.on("POST /oauth2/token", {"access_token": "t0ken"})
    api.on("GET /api/users", [])
    api.on("GET /api/approvals", [{"id": 1}, {"id": 2}], [{"id": 3}, "text"], [])
    connector, cursor, skipped = over(api), None, []
    for _ in range(3):
        page = connector.list(cursor, 2)
        skipped += [each.which for each in page.skipped]
        cursor = page.cursor
    assert (page.complete, skipped) == (True, ["1", "2", "3", "#1"])
    assert [query["offset"] for query in api.queries("GET /api/approvals")] == ["0", "2", "4"]


def test_what_a_query_should_have_kept_away_is_kept_away_here(coupa: CoupaSystem) -> None:
    coupa.server.clock.set(NOON)
    coupa.decide(coupa.open("Decided"), State.APPROVED)
    old = set()
    for index in range(5):
        coupa.server.clock.advance(1)
        old.add(coupa.open(f"Old {index}"))
    connector = coupa.connector()
    coupa.server.clock.advance(3600)
    _, cursor = one_pass(connector, limit=10)
    coupa.server.faults.add(faults.QUERY_IGNORED, times=None)
    items, _ = one_pass(connector, limit=2)
    assert {item.external_id for item in items} == old
    new = {coupa.open(f"New {index}") for index in range(3)}
    coupa.server.clock.advance(600)
    _, cursor = one_pass(connector, cursor, limit=2)
    coupa.server.requests.clear()
    items, _ = one_pass(connector, cursor, limit=2)
    last = max(old, key=int)  # the first pass had to number the pages of its time
    assert {item.external_id for item in items} == {last, *new}
    lists = [line for line in coupa.server.requests if line.startswith("GET /api/approvals?")]
    # Pages of nine rows and the empty one, the first asked for twice: never back to the beginning.
    assert len(lists) == 7


def test_what_becomes_visible_late_is_found_by_the_next_pass(coupa: CoupaSystem) -> None:
    coupa.server.clock.set(NOON)
    coupa.open("Before")
    connector = coupa.connector()
    _, cursor = one_pass(connector)
    coupa.server.faults.add(faults.LATE, seconds=200)
    late = coupa.open("Written, and not yet to be seen")
    coupa.server.clock.advance(100)
    on_time = coupa.open("Written later")
    items, cursor = one_pass(connector, cursor)
    found = {item.external_id for item in items}
    assert (on_time in found, late in found) == (True, False)
    with pytest.raises(Gone):
        connector.get(late)
    coupa.server.clock.advance(150)
    items, _ = one_pass(connector, cursor)
    assert late in {item.external_id for item in items}


def test_a_system_whose_clock_is_ahead_loses_nothing(coupa: CoupaSystem) -> None:
    coupa.server.clock.advance(7200)
    first = coupa.open("First")
    connector = coupa.connector()
    assert connector.check().clock_skew == pytest.approx(7200, abs=2)
    items, cursor = one_pass(connector)
    coupa.server.clock.advance(60)
    second = coupa.open("Second")
    after, _ = one_pass(connector, cursor)
    assert {item.external_id for item in items} == {first}
    assert second in {item.external_id for item in after}


def test_a_date_header_that_is_wrong_loses_nothing(coupa: CoupaSystem) -> None:
    coupa.server.clock.set(datetime.now(UTC))
    connector = coupa.connector()
    coupa.server.faults.add(faults.SKEWED_DATE, times=None, seconds=240)
    _, cursor = one_pass(connector)
    ref = coupa.open("While the header is wrong")
    items, _ = one_pass(connector, cursor)
    assert {item.external_id for item in items} == {ref}


def test_an_answer_that_is_no_list_is_no_empty_page(api: Api) -> None:
    api.on("POST /oauth2/token", {"access_token": "t0ken"})
    api.on("GET /api/approvals", {"errors": {}})
    with pytest.raises(ConnectorError) as refusal:
        over(api).list(None, 10)
    assert refusal.value.kind == Kind.BAD_ANSWER


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind", "pause"),
    [
        (faults.SERVER_ERROR, Kind.SERVER, None),
        (faults.TOO_MANY_REQUESTS, Kind.RATE_LIMITED, 7),
        (faults.DROPPED, Kind.TIMEOUT, None),
    ],
)
def test_a_failing_list_is_no_empty_one(
    coupa: CoupaSystem, fault: str, kind: Kind, pause: float | None
) -> None:
    connector = coupa.connector()
    connector.check()
    coupa.server.faults.add(fault)
    with pytest.raises(ConnectorError) as failure:
        connector.list(None, 10)
    assert (failure.value.kind, failure.value.retry_after) == (kind, pause)


def test_an_amount_that_could_not_be_asked_for_is_not_left_out(
    coupa: CoupaSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = coupa.open("Amount", amount="10.00")
    connector, answer = coupa.connector(), coupa.server.answer

    def busy(asked: Asked) -> Said:
        is_about_it = asked.path == "/api/requisitions"
        return coupa.server.error(503, "Busy") if is_about_it else answer(asked)

    with monkeypatch.context() as patched:
        patched.setattr(coupa.server, "answer", busy)
        with pytest.raises(ConnectorError) as failure:
            connector.list(None, 10)
    assert failure.value.kind == Kind.SERVER
    found = find(connector, ref)
    assert found is not None
    assert found.amount == Decimal("10.00")


def test_a_slow_answer_is_not_waited_for_for_ever(coupa: CoupaSystem) -> None:
    ref = coupa.open("Slow")
    connector = coupa.connector()
    assert isinstance(connector, Coupa)
    connector.check()
    connector.session.total = 0.1
    coupa.server.faults.add(faults.SLOW, seconds=0.4)
    with pytest.raises(ConnectorError) as failure:
        connector.get(ref)
    assert failure.value.kind == Kind.TIMEOUT
    assert connector.get(ref).state == State.PENDING


@pytest.mark.parametrize("fault", [faults.SERVER_ERROR_AFTER_COMMIT, faults.DROPPED_AFTER_COMMIT])
def test_what_was_written_without_an_answer_is_not_written_again(
    coupa: CoupaSystem, fault: str
) -> None:
    ref = coupa.open("Answer lost")
    coupa.server.faults.add(fault)
    assert decide(coupa, ref, "approve").result == Result.UNKNOWN
    assert coupa.connector().get(ref).state == State.APPROVED
    assert decide(coupa, ref, "approve").result == Result.ALREADY_SAME
    assert coupa.written(ref) == [("approved", "sayso-client")]


def test_200_for_a_write_that_changed_nothing_is_not_applied(coupa: CoupaSystem) -> None:
    ref = coupa.open("Against a rule")
    coupa.server.faults.add(faults.WRITE_IGNORED)
    assert decide(coupa, ref, "approve").result == Result.FORBIDDEN
    assert coupa.log(ref) == [""]


def test_an_amount_that_changed_since_it_was_listed_is_not_decided(coupa: CoupaSystem) -> None:
    ref = coupa.open("Dearer by now", amount="750.50")
    coupa.server.faults.add(faults.CHANGED_AMOUNT)
    connector = coupa.connector()
    listed = connector.list(None, 10).items[0]
    outcome = connector.decide(
        ref, "approve", actor=ALICE, comment="", expected=listed.revision, key="sayso-1"
    )
    now = connector.get(ref)
    assert (outcome.result, outcome.detail) == (Result.CONFLICT, "It changed since it was judged.")
    assert (listed.amount, now.amount == listed.amount) == (Decimal("750.50"), False)
    assert now.updated == listed.updated
    assert now.material_digest != listed.material_digest
    assert coupa.written(ref) == []


@pytest.mark.parametrize(
    ("there", "result"), [("approved", Result.ALREADY_SAME), ("rejected", Result.CONFLICT)]
)
def test_who_is_first_in_coupa_stays_so(
    coupa: CoupaSystem, monkeypatch: pytest.MonkeyPatch, there: str, result: Result
) -> None:
    ref = coupa.open("Bob was first")
    act = coupa.server._act

    def just_before(number: int, *rest: object) -> object:
        coupa.server.decide(number, there, by="bob")
        return act(number, *rest)

    monkeypatch.setattr(coupa.server, "_act", just_before)
    assert decide(coupa, ref, "approve").result == result
    assert coupa.connector().get(ref).decided_by == Person(id="9464", name="bob")
    assert coupa.written(ref) == [(there, "bob")]


def test_what_was_decided_there_since_it_was_listed_stays(coupa: CoupaSystem) -> None:
    ref = coupa.open("Bob was first")
    coupa.server.faults.add(faults.DECIDED_ELSEWHERE)
    connector = coupa.connector()
    listed = connector.list(None, 10).items[0]
    ((word, by),) = coupa.written(ref)
    other = "deny" if word == "approved" else "approve"
    outcome = connector.decide(
        ref, other, actor=ALICE, comment="", expected=listed.revision, key="sayso-1"
    )
    assert (outcome.result, by) == (Result.CONFLICT, "bob")
    assert coupa.written(ref) == [(word, "bob")]


@pytest.mark.parametrize("seed", range(2))
def test_whatever_goes_wrong_each_is_decided_once(coupa: CoupaSystem, seed: int) -> None:
    coupa.server.clock.set(NOON)
    chances = {
        faults.TOO_MANY_REQUESTS: 0.05,
        faults.SERVER_ERROR: 0.05,
        faults.SERVER_ERROR_AFTER_COMMIT: 0.2,
        faults.DROPPED: 0.05,
        faults.DROPPED_AFTER_COMMIT: 0.1,
        faults.WRITE_IGNORED: 0.1,
        faults.SHORT_PAGE: 0.3,
        faults.QUERY_IGNORED: 0.1,
        faults.EQUAL_TIMES: 0.5,
        faults.CHANGED_AMOUNT: 0.1,
        faults.LATE: 0.2,
    }
    refs = live_through(coupa, seed=seed, chances=chances)
    assert {ref: coupa.written(ref) for ref in refs} == {
        ref: [("approved", "sayso-client")] for ref in refs
    }
