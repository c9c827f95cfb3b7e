"""Connections as operators name them."""

from django.core.management.base import CommandError

from mirroring.models import Connection
from tracks.ids import parse_public_id

HOW = "its id (con_…), or its workspace and its name: Acme/ERP"


def named(text: str) -> Connection:
    """Return a connection by its id or by its names, with its workspace and its polling."""
    rows = Connection.objects.select_related("workspace", "poll")
    pk = parse_public_id("con", text)
    if pk is not None:
        found = rows.filter(pk=pk)
    else:
        # A name may have a slash in it, and so may that of a workspace.
        parts = [(text[:at], text[at + 1 :]) for at, char in enumerate(text) if char == "/"]
        found = rows.none()
        for workspace, name in parts:
            found = found | rows.filter(workspace__name=workspace, name=name)
    connections = list(found[:2])
    if len(connections) != 1:
        raise CommandError(f"There is no connection {text!r}: give {HOW}.")
    return connections[0]
