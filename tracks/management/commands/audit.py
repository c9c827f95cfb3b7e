"""`manage.py audit verify`: prove that no event was changed, taken out or cut off."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast

from tracks.chain import data_commitment
from tracks.events import link_of
from tracks.management.output import show
from tracks.models import Event, Track
from tracks.models.track import GENESIS

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a chain breaks first, and how."""

    track: str
    seq: int
    problem: str


class Command(BaseCommand):
    help = "Verify the hash chain of every track."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser("verify", help="Verify the hash chain of every track.")
        verify.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        audit = Audit()
        fault = audit.first_fault()
        result = {
            "ok": fault is None,
            "tracks": audit.tracks,
            "events": audit.events,
            "first_bad": fault
            and {"track": fault.track, "seq": fault.seq, "problem": fault.problem},
        }
        if fault is None:
            prose = f"{audit.events} events on {audit.tracks} tracks: every chain holds."
            show(self, result, prose, as_json=options["json"])
            return
        if options["json"]:
            show(self, result, "", as_json=True)
        raise CommandError(f"{fault.track}, event {fault.seq}: {fault.problem}")


class Audit:
    """One walk over all events, in the order of tracks and of `seq`."""

    def __init__(self) -> None:
        self.tracks = 0
        self.events = 0

    def first_fault(self) -> Fault | None:
        """Return the first break, or None if every chain holds."""
        return next(self._faults(), None)

    def _faults(self) -> Iterator[Fault]:
        previous: Event | None = None
        for event in _all_events().iterator(chunk_size=CHUNK):
            if previous is not None and previous.track_id != event.track_id:
                yield from self._end(previous)
                previous = None
            yield from _check(event, previous)
            self.events += 1
            previous = event
        if previous is not None:
            yield from self._end(previous)
        for track in Track.objects.filter(events=None).iterator(chunk_size=CHUNK):
            yield Fault(track.public_id, 1, "the track has no event")

    def _end(self, last: Event) -> Iterator[Fault]:
        self.tracks += 1
        if (last.seq, last.hash) != (last.track.seq, last.track.head_hash):
            yield Fault(last.track.public_id, last.seq + 1, "events at the end are missing")


def _all_events() -> QuerySet[Event, Event]:
    # One statement, so one snapshot: what is written meanwhile cannot look like a fault. The data
    # as text: if somebody has tampered with it, it need not be JSON any more.
    events = Event.objects.order_by("track_id", "seq").select_related("track")
    return events.annotate(
        data_text=Cast("content__data", TextField()), data_salt=F("content__salt")
    )


def _check(event: Any, previous: Event | None) -> Iterator[Fault]:
    expected = (1, GENESIS) if previous is None else (previous.seq + 1, previous.hash)
    track = event.track.public_id
    if event.seq != expected[0]:
        yield Fault(track, expected[0], "the event is missing")
    if event.prev_hash != expected[1]:
        yield Fault(track, event.seq, "prev_hash is not the hash of the event before")
    if link_of(event).hash() != event.hash:
        yield Fault(track, event.seq, "the hash does not fit the event")
    if event.workspace_id != event.track.workspace_id:
        yield Fault(track, event.seq, "the workspace is not the track's")
    # Data that was erased is gone for good; its commitment stays in the chain.
    if event.data_salt is not None and not _fits(event):
        yield Fault(track, event.seq, "the data does not fit its commitment")


def _fits(event: Any) -> bool:
    try:
        commitment = data_commitment(json.loads(event.data_text), salt=event.data_salt)
    except (ValueError, TypeError):  # no JSON, no canonical JSON, no hexadecimal salt
        return False
    return bool(commitment == event.data_commitment)
