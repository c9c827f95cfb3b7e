"""The fake's HTTP API: which request means what."""

import copy
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sayso.testing._world import Json, Refusal, World, is_asked

Query = dict[str, str]
Answer = tuple[int, Any]


@dataclass(frozen=True)
class Request:
    """What of a request is not in its method and path."""

    query: Query
    body: Json


class Api:
    """Answers requests out of a world."""

    def __init__(self, world: World, api_key: str) -> None:
        self._world = world
        self._api_key = api_key
        self._replays: dict[str, tuple[str, Answer]] = {}
        self._routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", r"/tracks", self._create_track),
            ("GET", r"/tracks", self._list_tracks),
            ("GET", r"/tracks/([^/]+)", lambda r, i: (200, world.get_track(i))),
            ("PATCH", r"/tracks/([^/]+)", lambda r, i: (200, world.update_track(i, r.body))),
            ("POST", r"/tracks/([^/]+)/steps/(\d+)/(start|complete|fail)", self._change_step),
            ("POST", r"/tracks/([^/]+)/actions", lambda r, i: (201, world.log_action(i, r.body))),
            ("POST", r"/tracks/([^/]+)/(complete|fail)", self._close_track),
            ("GET", r"/tracks/([^/]+)/events", self._list_events),
            ("POST", r"/tracks/([^/]+)/asks", self._open_ask),
            ("GET", r"/asks", self._list_asks),
            ("GET", r"/asks/([^/]+)", self._get_ask),
            ("POST", r"/asks/([^/]+)/cancel", self._cancel_ask),
            ("GET", r"/asks/([^/]+)/receipt", self._receipt),
            ("GET", r"/queue", lambda r: (200, world.queue(r.query.get("approver", "")))),
            ("GET", r"/usage", lambda r: (200, world.usage())),
        ]

    def respond(
        self, method: str, path: str, query: Query, headers: Any, body: bytes
    ) -> tuple[int, Any, bool]:
        """Return the status, the JSON, and whether it is a replay."""
        if headers.get("Authorization") != f"Bearer {self._api_key}":
            raise Refusal(401, "unauthorized", "The API key is missing, wrong, revoked or expired.")
        key = headers.get("Idempotency-Key") if method == "POST" else None
        with self._world.changed:
            if key in self._replays:
                return self._replay(key, f"{path} {body!r}")
            request = Request(query, json.loads(body or b"{}"))
            answer = copy.deepcopy(self._dispatch(method, path, request))
            self._follow_script()
            if key:
                self._replays[key] = (f"{path} {body!r}", answer)
        return *answer, False

    def _follow_script(self) -> None:
        """Let a plan that does not fit the ask fail the call that opened it."""
        try:
            self._world.follow_script()
        except ValueError as mistake:
            raise Refusal(422, "invalid", str(mistake)) from mistake

    def _replay(self, key: str, request: str) -> tuple[int, Any, bool]:
        original, answer = self._replays[key]
        if original != request:
            raise Refusal(422, "idempotency_mismatch", "The key belongs to another request.")
        return *answer, True

    def _dispatch(self, method: str, path: str, request: Request) -> Answer:
        methods = []
        for route_method, pattern, handler in self._routes:
            match = re.fullmatch("/api/v1" + pattern, path)
            if match and route_method == method:
                return handler(request, *match.groups())
            if match:
                methods.append(route_method)
        if methods:
            raise Refusal(405, "method_not_allowed", f"Only {', '.join(methods)}.")
        raise Refusal(404, "not_found", "There is nothing here.")

    def _create_track(self, request: Request) -> Answer:
        return self._world.create_track(request.body)

    def _list_tracks(self, request: Request) -> Answer:
        self._world.close_overdue()
        rows = list(self._world.tracks.values())
        return 200, page(rows, request.query, filters=("status", "external_id"))

    def _change_step(self, request: Request, track: str, index: str, verb: str) -> Answer:
        return 200, self._world.change_step(track, int(index), verb, request.body)

    def _close_track(self, request: Request, track_id: str, verb: str) -> Answer:
        return 200, self._world.close_track(track_id, verb, request.body)

    def _list_events(self, request: Request, track_id: str) -> Answer:
        track = self._world.get_track(track_id)
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 100))
        self._wait(request.query, until=lambda: track["seq"] > after)
        events = self._world.events[track_id][after : after + limit]
        return 200, {"data": events, "last_seq": track["seq"]}

    def _open_ask(self, request: Request, track_id: str) -> Answer:
        return self._world.open_ask(track_id, request.body)

    def _list_asks(self, request: Request) -> Answer:
        self._world.close_overdue()
        rows = [record.json for record in self._world.asks.values()]
        if "track" in request.query:
            rows = [ask for ask in rows if ask["track_id"] == request.query["track"]]
        if "approver" in request.query:
            rows = [ask for ask in rows if is_asked(ask, request.query["approver"])]
        if "risk" in request.query:
            rows = [ask for ask in rows if ask["config"].get("risk") == request.query["risk"]]
        return 200, page(rows, request.query, filters=("status", "kind"))

    def _get_ask(self, request: Request, ask_id: str) -> Answer:
        self._wait(
            request.query, until=lambda: self._world.get_ask(ask_id).json["status"] != "open"
        )
        return 200, self._world.get_ask(ask_id).json

    def _cancel_ask(self, request: Request, ask_id: str) -> Answer:
        record = self._world.get_ask(ask_id)
        if record.json["status"] == "open":
            self._world.cancel(record, request.body.get("reason"))
        elif record.json["status"] != "cancelled":
            raise Refusal(409, "ask_not_open", "The ask is not open.")
        return 200, record.json

    def _receipt(self, request: Request, ask_id: str) -> Answer:
        ask = self._world.get_ask(ask_id).json
        return 200, {"ask": ask, "signature": None}

    def _wait(self, query: Query, *, until: Callable[[], bool]) -> None:
        """Hold the request like the server does, and look again when a deadline passes."""
        ends = time.monotonic() + int(query.get("wait", 0))
        while not until() and not self._world.closed:
            left = ends - time.monotonic()
            if left <= 0:
                return
            self._world.changed.wait(min(left, self._world.seconds_to_next_deadline()))


def page(rows: list[Json], query: Query, *, filters: tuple[str, ...]) -> Json:
    """Return one page of the rows that match. The cursor is a position."""
    for name in filters:
        rows = [row for row in rows if name not in query or row[name] == query[name]]
    start, limit = int(query.get("cursor", 0)), int(query.get("limit", 25))
    following = str(start + limit) if start + limit < len(rows) else None
    return {"data": rows[start : start + limit], "next_cursor": following}
