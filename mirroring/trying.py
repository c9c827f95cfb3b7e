"""Trying a connection out: reads that prove it works, and nothing that is written anywhere."""

import time
from dataclasses import dataclass

from mirroring import connecting, usage
from mirroring.connection_form import ConnectionForm
from mirroring.connectors.base import BadConfig, Connector, ConnectorError, Health, Kind
from mirroring.connectors.outcomes import HOW_TO_FIX
from mirroring.models import PUSH, Connection
from mirroring.refusals import NotPolled

SAMPLE = 10
# A system that took so long for the check is not asked for a sample, too.
PATIENCE = 10.0  # seconds
LONGEST = 25.0  # seconds for all of it: somebody waits, and so does a thread of the web server


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a test found. `sample`: how many approvals a short list shows; None without a list."""

    health: Health
    latency_ms: int
    sample: int | None = None
    skipped: int = 0


@usage.counted()
def test(connection: Connection) -> Tested:
    """Try the account and a short list, as configured; never inside a transaction."""
    if not connection.is_polled:
        raise NotPolled()
    try:
        connector = connecting.connector_for(connection)
    except BadConfig as error:
        return Tested(health=_failed(Kind.BAD_REQUEST, str(error)), latency_ms=0)
    return test_connector(connector)


@usage.counted()
def test_typed(form: ConnectionForm) -> Tested:
    """Try what was typed into a form that is valid, and save nothing; never inside a transaction.

    As a test of what is saved, it leaves no entry in the log: it changes nothing, here or there.
    """
    if form.kind == PUSH:
        raise NotPolled()
    # What is not saved yet has no budget of its own: those of a workspace share one.
    owner = form.instance.public_id if form.is_change else f"unsaved {form.instance.workspace_id}"
    connector = connecting.connector_of(
        form.kind,
        form.whole_config,
        owner=owner,
        per_minute=form.cleaned_data["requests_per_minute"],
    )
    if form.is_change:
        usage.watch(connector, form.instance)
    return test_connector(connector)


def test_connector(connector: Connector) -> Tested:
    """Try a connector that may not belong to any connection yet."""
    connector.session.end_within(LONGEST)
    began = time.monotonic()
    health = connector.check()
    seconds = time.monotonic() - began
    found = Tested(health=health, latency_ms=int(seconds * 1000))
    return _with_sample(connector, found) if health.ok and seconds < PATIENCE else found


def _with_sample(connector: Connector, found: Tested) -> Tested:
    try:
        page = connector.list(None, SAMPLE)
    except ConnectorError as error:
        return Tested(health=_failed(error.kind, str(error)), latency_ms=found.latency_ms)
    return Tested(
        health=found.health,
        latency_ms=found.latency_ms,
        sample=len(page.items),
        skipped=len(page.skipped),
    )


def _failed(kind: Kind, detail: str) -> Health:
    return Health(ok=False, detail=detail, error=kind, how_to_fix=HOW_TO_FIX[kind])
