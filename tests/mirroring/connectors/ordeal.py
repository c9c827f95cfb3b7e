"""Twenty approvals of an emulated system, found and decided while everything goes wrong."""

from collections.abc import Mapping

from mirroring.connectors.base import ConnectorError, Result
from tests.mirroring.connectors.coupa_system import CoupaSystem
from tests.mirroring.connectors.servicenow_system import ServiceNowSystem
from tests.mirroring.connectors.test_contract import decide

Emulated = CoupaSystem | ServiceNowSystem


def live_through(system: Emulated, *, seed: int, chances: Mapping[str, float]) -> set[str]:
    """Approve twenty approvals as a worker would that gives up nothing; return their ids."""
    system.server.faults.at_random(seed=seed, rates=dict(chances))
    refs = set()
    for index in range(20):
        refs.add(system.open(f"Random {index}", amount="10.00"))
        system.server.clock.advance(1)
    assert _found(system, refs) == refs
    for ref in refs:
        _approve(system, ref)
    system.server.faults.clear()
    return refs


def _found(system: Emulated, refs: set[str]) -> set[str]:
    """Return what passes show until all of it was shown."""
    connector, cursor, seen = system.connector(), None, set[str]()
    for _ in range(400):
        try:
            page = connector.list(cursor, 4)
        except ConnectorError:
            continue
        seen |= {item.external_id for item in page.items}
        cursor = page.cursor
        if page.complete:
            system.server.clock.advance(30)
            if seen >= refs:
                break
    return seen


def _approve(system: Emulated, ref: str) -> None:
    for _ in range(100):
        try:
            result = decide(system, ref, "approve").result
        except ConnectorError:
            continue
        if result in {Result.APPLIED, Result.ALREADY_SAME}:
            break
