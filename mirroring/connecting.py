"""From a connection's row to the connector that reaches its system."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from mirroring import usage
from mirroring.connectors import connect
from mirroring.connectors.base import Connector, Item, State
from mirroring.models import Connection, Record

# How long work waits for a connection that is switched off, until it looks whether it is on again.
PUT_OFF = timedelta(minutes=5)


def connector_for(connection: Connection) -> Connector:
    """Return a connection's connector, with its budget; raise BadConfig when it cannot be made."""
    connector = connector_of(
        connection.kind,
        connection.whole_config,
        owner=connection.public_id,
        per_minute=connection.requests_per_minute,
    )
    usage.watch(connector, connection)
    return connector


def connector_of(kind: str, config: Mapping[str, str], *, owner: str, per_minute: int) -> Connector:
    """Return a connector with a budget that it shares with all others of its owner."""
    connector = connect(kind, config)
    connector.session.limit(owner, per_minute)
    return connector


def connection_of(record: Record) -> Connection:
    """Return a record's connection with its workspace."""
    return Connection.objects.select_related("workspace").get(pk=record.connection_id)


def gone(item: Item, *, state: State = State.CANCELLED) -> Item:
    """Return what an approval looks like that its system no longer knows; since when, nobody does.

    `state`: in which it was last, where that is known.
    """
    revision = f"gone {item.revision}"[:128]
    return replace(item, state=state, revision=revision, updated=None, decided_by=None)
