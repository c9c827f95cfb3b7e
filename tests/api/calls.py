"""Every call of the API, so that what holds for all of them is tested on all of them."""

from dataclasses import dataclass
from typing import Any

from tests.api.agent import Agent
from tracks.models import Track


@dataclass(frozen=True, slots=True)
class Call:
    """One call, with the least body that is right."""

    name: str
    method: str
    path: str
    scope: str
    body: Any = None

    def make(self, agent: Agent, *, track: str = "", ask: str = "", **headers: str) -> Any:
        """Make the call for a track and an ask, named by their public ids."""
        path = self.path.format(track=track, ask=ask)
        return agent.call(self.method, path, body=self.body, headers=headers)

    def __str__(self) -> str:
        return self.name


ASK = {"kind": "confirm", "prompt": "Approve?"}
ASK_ID, TRACK_ID = "ask_" + "0" * 32, "trk_" + "0" * 32
CALLS = [
    Call("create_track", "POST", "/tracks", "tracks:write", {"title": "A"}),
    Call("list_tracks", "GET", "/tracks", "tracks:read"),
    Call("get_track", "GET", "/tracks/{track}", "tracks:read"),
    Call("update_track", "PATCH", "/tracks/{track}", "tracks:write", {"title": "B"}),
    Call("start_step", "POST", "/tracks/{track}/steps/0/start", "tracks:write"),
    Call("complete_step", "POST", "/tracks/{track}/steps/0/complete", "tracks:write"),
    Call("fail_step", "POST", "/tracks/{track}/steps/0/fail", "tracks:write"),
    Call("log_action", "POST", "/tracks/{track}/actions", "tracks:write", {"text": "x"}),
    Call("complete_track", "POST", "/tracks/{track}/complete", "tracks:write"),
    Call("fail_track", "POST", "/tracks/{track}/fail", "tracks:write", {"reason": "No."}),
    Call("list_events", "GET", "/tracks/{track}/events", "tracks:read"),
    Call("open_ask", "POST", "/tracks/{track}/asks", "asks:write", ASK),
    Call("list_asks", "GET", "/asks", "asks:read"),
    Call("get_ask", "GET", "/asks/{ask}", "asks:read"),
    Call("cancel_ask", "POST", "/asks/{ask}/cancel", "asks:write"),
    Call("get_receipt", "GET", "/asks/{ask}/receipt", "audit:read"),
]
POSTS = [call for call in CALLS if call.method == "POST"]
READS = [call for call in CALLS if call.method == "GET"]
ON_OBJECTS = [call for call in CALLS if "{" in call.path]


def path_of(track: Track) -> str:
    """Return where a track is in the API."""
    return f"/tracks/{track.public_id}"
