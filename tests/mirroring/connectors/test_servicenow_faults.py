"""What goes wrong in ServiceNow, thing by thing and at random, against an emulator of it."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mirroring.connectors.base import ConnectorError, Gone, Kind, Person, Result, State
from mirroring.connectors.servicenow import ServiceNow
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.ordeal import live_through
from tests.mirroring.connectors.servicenow_system import ServiceNowSystem
from tests.mirroring.connectors.system import find, one_pass
from tests.mirroring.connectors.test_contract import ALICE, decide
from tests.mirroring.emulators import faults

LIST = "GET /api/now/table/sysapproval_approver"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def over(api: Api) -> ServiceNow:
    return ServiceNow({"base_url": api.url, "username": "u", "password": "secret"})


# -- pages -----------------------------------------------------------------------------------------


def test_a_short_page_is_not_the_last(snow: ServiceNowSystem) -> None:
    refs = {snow.open(f"Short {index}") for index in range(7)}
    snow.server.faults.add(faults.SHORT_PAGE, times=3)
    items, _ = one_pass(snow.connector(), limit=4)
    assert {item.external_id for item in items} == refs
    assert snow.server.faults.struck[faults.SHORT_PAGE] == 3


def test_a_page_without_a_row_that_we_may_see_is_not_the_last(snow: ServiceNowSystem) -> None:
    for index in range(5):
        snow.server.open(f"Secret {index}", is_restricted=True)
    ref = snow.open("For everybody")
    snow.server.clock.advance(10)
    last = snow.open("Later")
    items, _ = one_pass(snow.connector(), limit=2)
    assert {item.external_id for item in items} == {ref, last}


def test_equal_times_are_told_apart_by_pages(snow: ServiceNowSystem) -> None:
    snow.server.faults.add(faults.EQUAL_TIMES, times=None)
    refs = [snow.open(f"Equal {index}") for index in range(9)]
    items, cursor = one_pass(snow.connector(), limit=2)
    assert {item.external_id for item in items} == set(refs)
    again, _ = one_pass(snow.connector(), cursor, limit=2)
    assert {item.external_id for item in again} == set(refs)


def test_what_a_query_should_have_kept_away_is_kept_away_here(snow: ServiceNowSystem) -> None:
    snow.server.clock.set(NOON)
    old = [snow.open(f"Old {index}") for index in range(5)]
    snow.decide(snow.open("Decided"), State.APPROVED)
    snow.server.faults.add(faults.QUERY_IGNORED, times=None)
    connector = snow.connector()
    snow.server.clock.advance(3600)
    items, cursor = one_pass(connector, limit=10)
    assert {item.external_id for item in items} == set(old)
    new = [snow.open(f"New {index}") for index in range(3)]
    snow.server.clock.advance(600)
    _, cursor = one_pass(connector, cursor, limit=2)
    snow.server.requests.clear()
    items, _ = one_pass(connector, cursor, limit=2)
    assert {item.external_id for item in items} == set(new)
    # Pages of nine rows, the first asked for twice: never back to the beginning.
    assert len(snow.server.requests) == 6


def test_a_query_that_is_ignored_now_and_then_hides_nothing(snow: ServiceNowSystem) -> None:
    """A page that is counted from the front of everything says nothing of where the next one is."""
    snow.server.clock.set(NOON)
    old = [snow.open(f"Old {index}") for index in range(4)]
    connector = snow.connector()
    snow.server.clock.advance(3600)
    items, cursor = one_pass(connector, limit=10)
    assert {item.external_id for item in items} == set(old)
    new = []
    for index in range(5):
        snow.server.clock.advance(60)
        new.append(snow.open(f"New {index}"))
    for ignored in (1, 2, 3):
        snow.server.faults.add(faults.QUERY_IGNORED, times=ignored)
        first, after = one_pass(connector, cursor, limit=2)
        second, _ = one_pass(connector, after, limit=2)
        assert {item.external_id for item in (*first, *second)} == set(new)


def test_what_becomes_visible_late_is_found_by_the_next_pass(snow: ServiceNowSystem) -> None:
    snow.server.clock.set(NOON)
    snow.open("Before")
    connector = snow.connector()
    _, cursor = one_pass(connector)
    snow.server.faults.add(faults.LATE, seconds=200)
    late = snow.open("Written, and not yet to be seen")
    snow.server.clock.advance(100)
    on_time = snow.open("Written later")
    items, cursor = one_pass(connector, cursor)
    found = {item.external_id for item in items}
    assert (on_time in found, late in found) == (True, False)
    with pytest.raises(Gone):
        connector.get(late)
    snow.server.clock.advance(150)
    items, _ = one_pass(connector, cursor)
    assert late in {item.external_id for item in items}


def test_a_system_whose_clock_is_ahead_loses_nothing(snow: ServiceNowSystem) -> None:
    snow.server.clock.advance(7200)
    first = snow.open("First")
    connector = snow.connector()
    assert connector.check().clock_skew == pytest.approx(7200, abs=2)
    items, cursor = one_pass(connector)
    snow.server.clock.advance(60)
    second = snow.open("Second")
    after, _ = one_pass(connector, cursor)
    assert [item.external_id for item in items] == [first]
    assert second in {item.external_id for item in after}


def test_a_date_header_that_is_wrong_loses_nothing(snow: ServiceNowSystem) -> None:
    snow.server.clock.set(datetime.now(UTC))
    connector = snow.connector()
    snow.server.faults.add(faults.SKEWED_DATE, times=None, seconds=240)
    _, cursor = one_pass(connector)
    ref = snow.open("While the header is wrong")
    items, _ = one_pass(connector, cursor)
    assert [item.external_id for item in items] == [ref]


def test_times_are_those_of_the_database(snow: ServiceNowSystem) -> None:
    snow.server.clock.set(NOON)
    ref = snow.server.open("UTC", due="2026-12-01 08:00:00")
    item = snow.connector().get(ref)
    assert (item.updated, item.created) == (NOON, NOON)
    assert item.due == datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("link", ["?sysparm_offset=0", "?sysparm_offset=x", "?"])
def test_a_next_link_that_leads_nowhere_is_no_endless_pass(api: Api, link: str) -> None:
    api.on(LIST, {"result": []}, Link=f'<{api.url}/{link}>;rel="next"')
    with pytest.raises(ConnectorError) as refusal:
        over(api).list(None, 10)
    assert refusal.value.kind == Kind.BAD_ANSWER


@pytest.mark.parametrize("token", ["x", "-1", 1.5, ["1"]])
def test_an_offset_that_is_none_is_refused(api: Api, token: object) -> None:
    with pytest.raises(ConnectorError) as refusal:
        over(api).list(json.dumps({"token": token}), 10)
    assert (refusal.value.kind, api.asked()) == (Kind.BAD_REQUEST, [])


@pytest.mark.parametrize("said", [{}, [], {"result": {}}, {"result": None}])
def test_an_answer_without_rows_is_no_empty_page(api: Api, said: object) -> None:
    api.on(LIST, said)
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
    snow: ServiceNowSystem, fault: str, kind: Kind, pause: float | None
) -> None:
    snow.server.faults.add(fault)
    with pytest.raises(ConnectorError) as failure:
        snow.connector().list(None, 10)
    assert (failure.value.kind, failure.value.retry_after) == (kind, pause)


def test_a_slow_answer_is_not_waited_for_for_ever(snow: ServiceNowSystem) -> None:
    ref = snow.open("Slow")
    connector = snow.connector()
    assert isinstance(connector, ServiceNow)
    connector.session.total = 0.1
    snow.server.faults.add(faults.SLOW, seconds=0.4)
    with pytest.raises(ConnectorError) as failure:
        connector.get(ref)
    assert failure.value.kind == Kind.TIMEOUT
    assert connector.get(ref).state == State.PENDING


@pytest.mark.parametrize("fault", [faults.SERVER_ERROR_AFTER_COMMIT, faults.DROPPED_AFTER_COMMIT])
def test_what_was_written_without_an_answer_is_not_written_again(
    snow: ServiceNowSystem, fault: str
) -> None:
    ref = snow.open("Answer lost")
    snow.server.faults.add(fault)
    assert decide(snow, ref, "approve").result == Result.UNKNOWN
    assert snow.connector().get(ref).state == State.APPROVED
    assert decide(snow, ref, "approve").result == Result.ALREADY_SAME
    assert snow.written(ref) == [("approved", "sayso.integration")]


def test_a_decision_that_never_arrived_can_be_sent_again(snow: ServiceNowSystem) -> None:
    ref = snow.open("Dropped")
    connector = snow.connector()
    expected = connector.get(ref).revision
    told = []
    for _ in range(3):
        snow.server.faults.add(faults.TOO_MANY_REQUESTS)
        outcome = connector.decide(
            ref, "deny", actor=ALICE, comment="", expected=expected, key="sayso-1"
        )
        told.append((outcome.result, outcome.retry_after))
    assert told == [(Result.RETRY_LATER, 7)] * 3
    assert snow.written(ref) == []
    assert decide(snow, ref, "deny").result == Result.APPLIED
    assert snow.written(ref) == [("rejected", "sayso.integration")]


def test_200_for_a_write_that_changed_nothing_is_not_applied(snow: ServiceNowSystem) -> None:
    ref = snow.open("Against a rule")
    snow.server.faults.add(faults.WRITE_IGNORED)
    outcome = decide(snow, ref, "approve")
    assert outcome.result == Result.FORBIDDEN
    assert outcome.detail.startswith("It is pending there, though the system said: PATCH ")
    assert snow.log(ref) == []


def test_an_amount_that_changed_since_it_was_listed_is_not_decided(snow: ServiceNowSystem) -> None:
    ref = snow.open("Dearer by now", amount="750.50")
    snow.server.faults.add(faults.CHANGED_AMOUNT)
    connector = snow.connector()
    listed = find(connector, ref)
    assert listed is not None
    outcome = connector.decide(
        ref, "approve", actor=ALICE, comment="", expected=listed.revision, key="sayso-1"
    )
    now = connector.get(ref)
    assert (outcome.result, outcome.detail) == (Result.CONFLICT, "It changed since it was judged.")
    assert (listed.amount, now.amount == listed.amount) == (Decimal("750.50"), False)
    assert now.updated == listed.updated
    assert now.material_digest != listed.material_digest
    assert snow.written(ref) == []


def test_what_was_decided_there_since_it_was_listed_stays(snow: ServiceNowSystem) -> None:
    ref = snow.open("Bob was first")
    snow.server.faults.add(faults.DECIDED_ELSEWHERE)
    connector = snow.connector()
    listed = find(connector, ref)
    assert listed is not None
    ((word, by),) = snow.written(ref)
    other = "deny" if word == "approved" else "approve"
    outcome = connector.decide(
        ref, other, actor=ALICE, comment="", expected=listed.revision, key="sayso-1"
    )
    assert (outcome.result, by) == (Result.CONFLICT, "bob")
    assert connector.get(ref).decided_by == Person(id="bob")
    assert snow.written(ref) == [(word, "bob")]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_goes_wrong_each_is_decided_once(snow: ServiceNowSystem, seed: int) -> None:
    snow.server.clock.set(NOON)
    chances = {
        faults.TOO_MANY_REQUESTS: 0.1,
        faults.SERVER_ERROR: 0.1,
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
    refs = live_through(snow, seed=seed, chances=chances)
    assert {ref: snow.written(ref) for ref in refs} == {
        ref: [("approved", "sayso.integration")] for ref in refs
    }
    assert all(len(snow.server.table.rows[ref].comments) == 1 for ref in refs)
    assert set(snow.server.faults.struck) == set(chances)
