"""From events to the deliveries that tell of them. Plans, and talks to nobody."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from tracks.models import Event
from webhooks import payloads, transitions
from webhooks.models import Endpoint


def on_events(events: Sequence[Event]) -> None:
    """Plan one delivery for each endpoint that listens; for one that is off, to be recovered."""
    endpoints = _endpoints({event.workspace_id for event in events})
    for event in events:
        listening = [each for each in endpoints[event.workspace_id] if each.listens_to(event.type)]
        if listening:
            transitions.plan(listening, event=event, body=payloads.body_of(event))


def _endpoints(workspace_ids: set[UUID]) -> dict[UUID, list[Endpoint]]:
    found = defaultdict(list)
    for endpoint in Endpoint.objects.of(*workspace_ids):
        found[endpoint.workspace_id].append(endpoint)
    return found
