"""A connection to a system on loopback that is connected by a definition alone."""

import json
from typing import Any

from mirroring import polling, transitions
from mirroring.models import Connection, Poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, plain
from tracks.clock import database_now
from tracks.models import Workspace

LIST = "GET /approvals"
ACCOUNT = {"check": {"request": {"path": "/me"}, "account": "name"}}


def connect(workspace: Workspace, api: Api, *, name: str = "ERP", **settings: Any) -> Connection:
    """Return a connection whose system answers as the test says; `definition` varies its own."""
    definition = plain(base_url=api.url, **settings.pop("definition", ACCOUNT))
    api.on("GET /me", {"name": "sayso"})
    connection, _ = transitions.create_connection(
        workspace_id=workspace.pk,
        name=name,
        kind="rest",
        config={"definition": json.dumps(definition)},
        secrets={"secrets": f"token: {SECRET}"},
        **settings,
    )
    return connection


def poll(connection: Connection) -> Poll:
    """Let a connection be polled until its pass is over, as a worker would."""
    Poll.objects.filter(pk=connection.pk).update(
        delta_at=database_now(), next_attempt_at=database_now()
    )
    polling.run(connection.pk)
    return Poll.objects.get(pk=connection.pk)
