"""What `bench.webhooks` does inside an installation."""

import time

import httpx2

from config import egress
from tracks.actors import Actor
from tracks.ids import new_id
from tracks.models import Event, Track, Workspace
from tracks.transitions import NewTrack, create_track, log_action
from webhooks import courier, signing, transitions
from webhooks.models import Delivery

BENCH = Actor("system", "bench")
BODY = (
    '{"type":"input_request.answered","timestamp":"2026-11-22T10:00:00.123Z","data":{"ask_id":"%s",'
    '"prompt":"' + "x" * 500 + '","answerValue":true}}'
)


def bare(url: str, count: str) -> dict[str, float]:
    """Post signed bodies in a loop: with our client, and with httpx2 and an open connection."""
    key = signing.new_key("v1")
    bodies = [(BODY % number).encode() for number in range(int(count))]

    def headers(body: bytes) -> dict[str, str]:
        return courier.HEADERS | signing.headers(
            [key], id="evt_1", timestamp=int(time.time()), body=body
        )

    started = time.perf_counter()
    for body in bodies:
        assert egress.request("POST", f"{url}/", headers=headers(body), body=body).status == 200
    client = len(bodies) / (time.perf_counter() - started)
    started = time.perf_counter()
    with httpx2.Client(trust_env=False) as kept:
        for body in bodies:
            assert kept.post(f"{url}/", headers=headers(body), content=body).status_code == 200
    kept_open = len(bodies) / (time.perf_counter() - started)
    return {"client": round(client, 1), "httpx2_kept_open": round(kept_open, 1)}


def fill(url: str, count: str) -> int:
    """Let so many deliveries wait for one endpoint."""
    workspace = Workspace.objects.create(name="Bench")
    endpoint, _ = transitions.create_endpoint(
        workspace_id=workspace.pk, fields={"url": f"{url}/"}, actor=BENCH
    )
    now = endpoint.created_at
    Delivery.objects.bulk_create(
        Delivery(
            endpoint=endpoint,
            message_id=new_id(),
            type="input_request.answered",
            body=BODY % number,
            created_at=now,
            next_attempt_at=now,
        )
        for number in range(int(count))
    )
    return int(count)


def endpoints(url: str, count: str, hanging: str) -> int:
    """Add endpoints to a workspace; the first few of them hang."""
    transitions.MOST_ENDPOINTS = int(count)
    workspace = Workspace.objects.create(name="Bench")
    create_track(workspace_id=workspace.pk, new=NewTrack(title="Bench"), actor=BENCH)
    for number in range(int(count)):
        path = "/hang" if number < int(hanging) else f"/{number}"
        transitions.create_endpoint(
            workspace_id=workspace.pk, fields={"url": url + path}, actor=BENCH
        )
    return int(count)


def events(count: str, pause: str) -> dict[str, float]:
    """Log actions with a pause in between, and return when each was begun."""
    track = Track.objects.get()
    begun: dict[str, float] = {}
    for number in range(int(count)):
        at = time.time()
        event: Event = log_action(
            track_id=track.pk,
            workspace_id=track.workspace_id,
            text=f"Action {number}",
            step=None,
            actor=BENCH,
        )
        begun[event.public_id] = at
        time.sleep(float(pause))
    return begun
