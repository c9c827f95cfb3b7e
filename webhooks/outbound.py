"""From an event to the deliveries that tell of it. Plans, and talks to nobody."""

from tracks.models import Event
from webhooks import payloads, transitions
from webhooks.models import Endpoint


def on_event(event: Event) -> None:
    """Plan one delivery for each endpoint that listens; for one that is off, to be recovered."""
    listening = [
        endpoint
        for endpoint in Endpoint.objects.of(event.track.workspace_id)
        if endpoint.listens_to(event.type)
    ]
    if listening:
        transitions.plan(listening, event=event, body=payloads.body_of(event))
