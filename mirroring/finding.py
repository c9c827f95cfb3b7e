"""Finding the track of a record by its id in the system it comes from."""

from uuid import UUID

from mirroring.models import Connection, Record


def tracks_named(external_id: str, *, most: int) -> list[UUID]:
    """Return the tracks of records with an id, whichever connection they came through."""
    # By connection, as the index has it: there are few of them.
    connections = Connection.objects.order_by().values("pk")
    records = Record.objects.filter(connection__in=connections, external_id=external_id)
    tracks = records.filter(track__isnull=False).order_by().values_list("track", flat=True)
    return list(tracks[:most])
