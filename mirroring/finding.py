"""Finding the track of a record by its id in the system it comes from."""

from uuid import UUID

from django.db.models import QuerySet

from mirroring.models import Connection, Record
from tracks.models import Workspace


def tracks_named(external_id: str, *, workspaces: QuerySet[Workspace], most: int) -> list[UUID]:
    """Return the tracks of records with an id, whichever connection of theirs they came through."""
    # By connection, as the index has it: there are few of them.
    theirs = Connection.objects.filter(workspace__in=workspaces.order_by().values("pk"))
    connections = theirs.order_by().values("pk")
    records = Record.objects.filter(connection__in=connections, external_id=external_id)
    tracks = records.filter(track__isnull=False).order_by().values_list("track", flat=True)
    return list(tracks[:most])
