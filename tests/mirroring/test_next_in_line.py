"""Who is asked when nobody answers: the manager as the system knows them, else the fallback."""

import pytest

from mirroring.asking import question
from mirroring.connectors.base import Item, Person, State
from mirroring.models import Connection
from tests.mirroring.conftest import connect_to
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import poll, record_of
from tracks.models import Workspace

BOSS = "boss@corp.example"


def item(*managers: str | None, requester: str | None = None) -> Item:
    """Return an approval of which two may decide at most, each with a manager or none."""
    people = zip(("cfo", "cto"), managers, strict=False)
    return Item(
        external_id="7",
        title="12 laptops",
        state=State.PENDING,
        approvers=tuple(
            Person(id=who, email=f"{who}@corp.example", manager=manager) for who, manager in people
        ),
        requester=Person(id="asks", email=requester) if requester else None,
        revision="1",
        material_digest="",
    )


@pytest.mark.parametrize(
    ("asked", "allowed", "expected"),
    [
        (item("ceo@corp.example"), [], ["ceo@corp.example"]),
        (item(None), [], [BOSS]),
        # who asks is never asked, in whatever spelling
        (item("ceo@corp.example", requester="CEO@corp.example"), [], [BOSS]),
        (item(None, requester=BOSS), [], None),
        (item("ceo@corp.example", requester=BOSS), [], ["ceo@corp.example"]),
        # whoever is left of the managers comes first
        (item("cto@corp.example", "ceo@corp.example"), [], ["ceo@corp.example"]),
        # asked already; outside the allowed domains; a login and no address
        (item("cto@corp.example", "cfo@corp.example"), [], [BOSS]),
        (item("ceo@elsewhere.example"), ["corp.example"], [BOSS]),
        (item("ceo"), [], [BOSS]),
    ],
)
def test_the_manager_is_next_else_the_fallback(
    asked: Item, allowed: list[str], expected: list[str] | None
) -> None:
    connection = Connection(name="ERP", fallback_approver=BOSS, allowed_domains=allowed)
    assert question(connection, asked).ask.escalate_to == expected


def test_a_fallback_outside_the_allowed_domains_is_not_asked() -> None:
    connection = Connection(
        name="ERP", fallback_approver="boss@elsewhere.example", allowed_domains=["corp.example"]
    )
    assert question(connection, item(None)).ask.escalate_to is None


@pytest.mark.django_db
def test_a_request_of_the_approvers_manager_is_asked_all_the_same(
    workspace: Workspace, snow: ServiceNow
) -> None:
    connection = connect_to(snow, workspace, fallback_approver=BOSS)
    poll(connection)
    ref = snow.open("12 laptops")
    snow.document_of(ref).opened_by = snow.users[snow.alice].manager
    poll(connection)
    record = record_of(connection, ref)
    assert (record.status, record.approvers) == ("pending", ["alice@corp.example"])
    assert record.ask is not None
    assert record.ask.escalate_to == [BOSS]
