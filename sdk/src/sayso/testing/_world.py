"""What a fake Sayso knows, and the rules it keeps. One lock guards it all."""

import copy
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

ZEROS = "0" * 64
TRACK_FIELDS = {"title", "customer_email", "metadata", "password"}
NEW_TRACK_FIELDS = TRACK_FIELDS | {"steps", "external_id", "requester"}
DISPLAY = {"description", "summary", "details", "risk"}
CONFIG = {
    "confirm": DISPLAY | {"accept_label", "reject_label", "if_accepted", "if_rejected"},
    "text": DISPLAY | {"validate"},
    "choice": DISPLAY | {"options"},
}
DEFAULTS = {
    "confirm": {"accept_label": "Yes", "reject_label": "No"},
    "text": {"validate": "short"},
    "choice": {},
}
ASK_FIELDS = {
    "kind", "prompt", "config", "timeout_seconds", "key", "approvers", "needed", "notify",
    "due_at", "escalate_to", "escalate_after_seconds", "delegation", "action_digest",
}  # fmt: skip


class Refusal(Exception):
    """A request that is answered with a problem document."""

    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = {"status": status, "code": code, "detail": detail, **more}


@dataclass
class AskRecord:
    """An ask as it is shown, and what is not shown."""

    json: Json
    body: Json
    times_out_at: datetime
    next_approvers: list[str] = field(default_factory=list)


class World:
    """Tracks, asks and events. Every method expects `changed` to be held."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.closed = False
        self.tracks: dict[str, Json] = {}
        self.track_bodies: dict[str, Json] = {}
        self.asks: dict[str, AskRecord] = {}
        self.events: dict[str, list[Json]] = {}
        self.script: deque[Callable[[AskRecord], None]] = deque()
        self._just_opened: deque[AskRecord] = deque()
        self._ids = 0

    # Tracks

    def create_track(self, body: Json) -> tuple[int, Json]:
        refuse_unknown(body, NEW_TRACK_FIELDS)
        require(body, "title")
        for track in self.tracks.values():
            if body.get("external_id") and track["external_id"] == body["external_id"]:
                if self.track_bodies[track["id"]] == body:
                    return 200, track
                detail = "Another track has this external_id."
                raise Refusal(409, "external_id_taken", detail, track_id=track["id"])
        track = self._new_track(body)
        self.track_bodies[track["id"]] = body
        self.record(track, "track.created", {"title": track["title"]})
        return 201, track

    def _new_track(self, body: Json) -> Json:
        track_id = self._id("trk")
        steps = [
            {"index": index, "title": title, "status": "pending", "detail": None}
            | {"started_at": None, "ended_at": None}
            for index, title in enumerate(body.get("steps") or [])
        ]
        given = {name: body.get(name) for name in ("customer_email", "external_id", "requester")}
        track = self.tracks[track_id] = {
            "id": track_id,
            "url": f"http://fake.example/t/{track_id}",
            "title": body["title"],
            "status": "active",
            "steps": steps,
            **given,
            "password_protected": bool(body.get("password")),
            "metadata": body.get("metadata") or {},
            "summary": None,
            "failure": None,
            "open_ask": None,
            "source": None,
            "seq": 0,
            "created_at": now_text(),
            "updated_at": now_text(),
        }
        self.events[track_id] = []
        return track

    def get_track(self, track_id: str) -> Json:
        if track_id not in self.tracks:
            raise Refusal(404, "not_found", "There is no such track.")
        self.close_overdue()
        return self.tracks[track_id]

    def active_track(self, track_id: str) -> Json:
        track = self.get_track(track_id)
        if track["status"] != "active":
            raise Refusal(409, "track_closed", "The track is closed.")
        return track

    def update_track(self, track_id: str, body: Json) -> Json:
        refuse_unknown(body, TRACK_FIELDS)
        track = self.active_track(track_id)
        changes = dict(body)
        if track["open_ask"] and "customer_email" in changes:
            raise already_awaiting(track)
        if "password" in changes:
            changes["password_protected"] = bool(changes.pop("password"))
        track.update(changes)
        self.record(track, "track.updated", {"fields": sorted(body)})
        return track

    def change_step(self, track_id: str, index: int, verb: str, body: Json) -> Json:
        refuse_unknown(body, {"detail"})
        track = self.active_track(track_id)
        if index >= len(track["steps"]):
            raise invalid("index", "There is no such step.")
        status = {"start": "active", "complete": "completed", "fail": "failed"}[verb]
        step = track["steps"][index]
        if step["status"] != status:
            at = "started_at" if verb == "start" else "ended_at"
            step.update({"status": status, "detail": body.get("detail"), at: now_text()})
            past = {"start": "started", "complete": "completed", "fail": "failed"}[verb]
            self.record(track, f"step.{past}", {"index": index})
        return track

    def log_action(self, track_id: str, body: Json) -> Json:
        refuse_unknown(body, {"text", "step"})
        require(body, "text")
        return self.record(self.active_track(track_id), "action.logged", body)

    def close_track(self, track_id: str, verb: str, body: Json) -> Json:
        refuse_unknown(body, {"summary"} if verb == "complete" else {"reason", "retryable"})
        track = self.active_track(track_id)
        if track["open_ask"]:
            self.cancel(self.asks[track["open_ask"]["id"]], "The track was closed.")
        if verb == "complete":
            track.update(status="completed", summary=body.get("summary"))
        else:
            require(body, "reason")
            failure = {"reason": body["reason"], "retryable": body.get("retryable", False)}
            track.update(status="failed", failure=failure)
        self.record(track, f"track.{track['status']}", body)
        return track

    # Asks

    def open_ask(self, track_id: str, body: Json) -> tuple[int, Json]:
        check_ask(body)
        track = self.active_track(track_id)
        for record in self.asks.values():
            if body.get("key") and (record.json["track_id"], record.json["key"]) == (
                track_id,
                body["key"],
            ):
                if record.body != body:
                    raise Refusal(422, "idempotency_mismatch", "The key has another content.")
                return 200, record.json
        if track["open_ask"]:
            raise already_awaiting(track)
        approvers = body.get("approvers") or [track["customer_email"]]
        if None in approvers:
            raise Refusal(409, "requires_customer_email", "There is nobody to ask.")
        if track["requester"] in approvers:
            raise Refusal(422, "self_approval", "Whoever is requester cannot be an approver.")
        record = self._new_ask(track, body, approvers, list(body.get("escalate_to") or []))
        return 201, record.json

    def _new_ask(
        self, track: Json, body: Json, approvers: list[str], next_approvers: list[str]
    ) -> AskRecord:
        ask_id, now = self._id("ask"), datetime.now(UTC)
        timeout = body.get("timeout_seconds") or 1800
        turns_after = body.get("escalate_after_seconds") if next_approvers else None
        ask = {
            "id": ask_id,
            "track_id": track["id"],
            "url": track["url"],
            "key": body.get("key"),
            "kind": body["kind"],
            "prompt": body["prompt"],
            "config": {**DEFAULTS[body["kind"]], **body.get("config", {})},
            "status": "open",
            "answer": None,
            "approvers": approvers,
            "needed": body.get("needed", 1),
            "decisions": [],
            "asked_by": "fake",
            "timeout_seconds": timeout,
            "expires_at": time_text(now + timedelta(seconds=timeout)),
            "due_at": body.get("due_at"),
            "created_at": time_text(now),
            "closed_at": None,
            "cancel_reason": None,
            "escalated_from": None,
            "escalated_to": None,
            "display_digest": f"sha256:{ZEROS}",
            "action_digest": body.get("action_digest"),
            "receipt_url": f"{track['url']}/asks/{ask_id}/receipt",
        }
        times_out_at = now + timedelta(seconds=min(timeout, turns_after or timeout))
        record = self.asks[ask_id] = AskRecord(ask, body, times_out_at, next_approvers)
        self._just_opened.append(record)
        track["open_ask"] = ask
        self.record(track, "input_request.created", {"ask_id": ask_id})
        return record

    def follow_script(self) -> None:
        """Let people do what was planned for the asks that were opened last."""
        while self._just_opened:
            record = self._just_opened.popleft()
            if self.script:
                self.script.popleft()(record)

    def get_ask(self, ask_id: str) -> AskRecord:
        if ask_id not in self.asks:
            raise Refusal(404, "not_found", "There is no such ask.")
        self.close_overdue()
        return self.asks[ask_id]

    def answer(self, record: AskRecord, value: bool | str, comment: str | None, by: str) -> None:
        started = datetime.fromisoformat(record.json["created_at"])
        took = round((datetime.now(UTC) - started).total_seconds() * 1000)
        said = {"value": value, "comment": comment, "verified_by": "email_link"}
        record.json["answer"] = said | {
            "answered_by": by,
            "answered_at": now_text(),
            "duration_ms": took,
        }
        decision = {"approver": by, "on_behalf_of": None, "at": now_text()}
        record.json["decisions"] = [decision | said]
        self._close(record, "answered")

    def cancel(self, record: AskRecord, reason: str | None) -> None:
        record.json["cancel_reason"] = reason
        self._close(record, "cancelled")

    def time_out(self, record: AskRecord) -> None:
        self._close(record, "timeout")
        if record.next_approvers:
            following, *others = record.next_approvers
            track = self.tracks[record.json["track_id"]]
            body = {**record.body, "key": None}
            successor = self._new_ask(track, body, [following], others)
            record.json["escalated_to"] = successor.json["id"]
            successor.json["escalated_from"] = record.json["id"]

    def close_overdue(self) -> None:
        for record in list(self.asks.values()):
            if record.json["status"] == "open" and record.times_out_at <= datetime.now(UTC):
                self.time_out(record)

    def seconds_to_next_deadline(self) -> float:
        open_asks = [record for record in self.asks.values() if record.json["status"] == "open"]
        soonest = min((record.times_out_at for record in open_asks), default=None)
        left = (soonest - datetime.now(UTC)).total_seconds() if soonest else math.inf
        return max(left, 0.001)

    def _close(self, record: AskRecord, status: str) -> None:
        record.json.update(status=status, closed_at=now_text())
        track = self.tracks[record.json["track_id"]]
        track["open_ask"] = None
        self.record(track, f"input_request.{status}", {"ask_id": record.json["id"]})

    # Everything else

    def record(self, track: Json, kind: str, data: Json) -> Json:
        """Write an event, and wake whoever waits."""
        track.update(seq=track["seq"] + 1, updated_at=now_text())
        event = {
            "id": self._id("evt"),
            "track_id": track["id"],
            "seq": track["seq"],
            "type": kind,
            "actor": {"type": "agent", "name": "fake"},
            "at": now_text(),
            "data": copy.deepcopy(data),
            "hash": ZEROS,
            "prev_hash": ZEROS,
        }
        self.events[track["id"]].append(event)
        self.changed.notify_all()
        return event

    def queue(self, approver: str) -> Json:
        self.close_overdue()
        waiting = [
            record.json
            for record in self.asks.values()
            if record.json["status"] == "open" and is_asked(record.json, approver)
        ]
        due = [datetime.fromisoformat(ask["due_at"]) for ask in waiting if ask["due_at"]]
        return {
            "approver": approver.lower(),
            "count": len(waiting),
            "overdue": sum(at < datetime.now(UTC) for at in due),
            "text": f"{len(waiting)} waiting.",
            "asks": waiting,
        }

    def usage(self) -> Json:
        month = f"{datetime.now(UTC):%Y-%m}"
        asked = sum(record.json["escalated_from"] is None for record in self.asks.values())
        return {"plan": "unlimited", "month": month, "asks": asked, "limit": None, "grace": None}

    def _id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}_{self._ids:06d}"


def check_ask(body: Json) -> None:
    """Refuse what is wrong at first look: unknown fields, no prompt, no kind, no options."""
    refuse_unknown(body, ASK_FIELDS)
    require(body, "prompt")
    if body.get("kind") not in CONFIG:
        raise invalid("kind", "It must be confirm, text or choice.")
    refuse_unknown(body.get("config", {}), CONFIG[body["kind"]], within="config.")
    if body["kind"] == "choice" and not body.get("config", {}).get("options"):
        raise invalid("config.options", "A choice needs options.")


def is_asked(ask: Json, approver: str) -> bool:
    return approver.lower() in [address.lower() for address in ask["approvers"]]


def refuse_unknown(body: Json, known: set[str], *, within: str = "") -> None:
    for name in body:
        if name not in known:
            raise invalid(within + name, "There is no such field.")


def require(body: Json, name: str) -> None:
    if not str(body.get(name) or "").strip():
        raise invalid(name, "This field is required.")


def invalid(name: str, detail: str) -> Refusal:
    error = {"field": name, "code": "invalid", "detail": detail}
    return Refusal(422, "invalid", "The request is not valid.", errors=[error])


def already_awaiting(track: Json) -> Refusal:
    detail = "The track has an open ask."
    return Refusal(409, "already_awaiting", detail, open_ask_id=track["open_ask"]["id"])


def now_text() -> str:
    return time_text(datetime.now(UTC))


def time_text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
