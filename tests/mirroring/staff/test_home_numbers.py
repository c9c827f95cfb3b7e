"""What mirroring tells the home of the admin, and that each number leads to the rows it counts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from mirroring import home
from mirroring.models import Connection, Poll, Push, Record
from tests.conftest import Clock
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import answer, consume, poll, push_due, record_of
from tests.staff.conftest import Hire
from tracks.home.figures import Count, Scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted(clock: Clock) -> Callable[[], dict[str, Count]]:
    def tell() -> dict[str, Count]:
        return {each.label: each for each in home.tell(Scope(now=clock.now)).act_now}

    return tell


def numbers(counts: dict[str, Count]) -> dict[str, int]:
    return {label: each.rows.count() for label, each in counts.items()}


def listed(client: Client, count: Count) -> int:
    page: Any = client.get(count.link.url)
    assert page.status_code == 200
    found: int = page.context["cl"].result_count
    return found


def test_each_trouble_is_counted_and_listed(
    connection: Connection, snow: ServiceNow, clock: Clock, hire: Hire, counted: Any
) -> None:
    refs = [snow.open(f"Request {number}") for number in range(4)]
    snow.open("Nobody's", approver=snow.user("dan", "Dan", ""))
    poll(connection)
    consume()
    assert numbers(counted()) == {
        "Connections in error": 0,
        "Write-backs stuck": 0,
        "Write-back conflicts": 0,
        "Records held": 1,
    }
    answer(record_of(connection, refs[0]), True)
    snow.faults.add(faults.WRITE_IGNORED)
    push_due()
    answer(record_of(connection, refs[1]), True)
    push_due()
    snow.decide(refs[1], "rejected", by="bob")
    clock.move(minutes=2)
    push_due()
    answer(record_of(connection, refs[2]), True)
    clock.move(minutes=16)
    Poll.objects.update(failures=1)
    counts = counted()
    assert numbers(counts) == {
        "Connections in error": 1,
        "Write-backs stuck": 2,
        "Write-back conflicts": 1,
        "Records held": 1,
    }
    viewer = hire("Viewer", connection.workspace)
    for count in counts.values():
        assert listed(viewer, count) == count.rows.count()


def test_what_waits_leads_to_the_records_that_wait(
    connection: Connection, snow: ServiceNow, clock: Clock, hire: Hire
) -> None:
    due, later, over = (snow.open(f"Request {number}") for number in range(3))
    poll(connection)
    for ref in (due, later, over):
        answer(record_of(connection, ref), True)
    push_due()
    pushes = Push.objects.all()
    pushes.filter(record__external_id=due).update(status="sent", next_attempt_at=clock.now)
    pushes.filter(record__external_id=later).update(
        status="pending", next_attempt_at=clock.move(seconds=1)
    )
    clock.move(seconds=-1)
    Record.objects.filter(external_id=due).update(next_attempt_at=clock.now)
    viewer = hire("Viewer", connection.workspace)
    waiting = home.tell(Scope(now=clock.now)).waiting
    assert [each.label for each in waiting] == ["Decisions to write back", "Records to follow up"]
    for each in waiting:
        assert each.link is not None
        page: Any = viewer.get(each.link.url)
        assert [row.external_id for row in page.context["cl"].result_list] == [due]
        assert each.rows.count() == 1


def test_what_the_system_settled_by_itself_is_part_of_the_flow(
    connection: Connection, snow: ServiceNow, clock: Clock, hire: Hire
) -> None:
    elsewhere, here = snow.open("Elsewhere"), snow.open("Here")
    poll(connection)
    answer(record_of(connection, here), True)
    push_due()
    clock.move(minutes=2)
    snow.decide(elsewhere, "approved", by="bob")
    poll(connection)
    clock.move(days=8)
    (line,) = home.tell(Scope(now=clock.now)).counted
    assert [count.rows.count() for count in line.counts] == [0, 1]
    viewer = hire("Viewer", connection.workspace)
    assert [listed(viewer, count) for count in line.counts] == [0, 1]


def test_a_dossier_shows_the_record_and_each_write_back(
    connection: Connection, snow: ServiceNow, clock: Clock, hire: Hire
) -> None:
    ref = snow.open("12 laptops")
    poll(connection)
    ask = answer(record_of(connection, ref), True)
    push_due()
    viewer = hire("Viewer", connection.workspace)
    page = viewer.get(f"/admin/approvals/ask/{ask.pk}/change/").content.decode()
    assert "System of record" in page
    assert ref in page
    assert Push.objects.get().status == "confirmed"
    assert "read back" in page
    assert Record.objects.get().public_id[:14] in page
