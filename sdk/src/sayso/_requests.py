"""One function for each call of the API: what to send. Pure."""

import json
import uuid
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final
from urllib.parse import quote, urlencode

from sayso._protocol import Send

BASE = "/api/v1"
LONGEST_WAIT: Final = 25  # seconds for which the server holds a request
SLACK: Final = 10.0  # seconds a held request may be late before it counts as lost


class Unset(Enum):
    """Says that an argument was not given, where None means something."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


def create_track(*, steps: Sequence[str] | None, **fields: Any) -> Send:
    return _post("/tracks", {"steps": None if steps is None else list(steps), **fields})


def get_track(track_id: str) -> Send:
    return _get(f"/tracks/{_id(track_id)}")


def update_track(track_id: str, changes: Mapping[str, Any]) -> Send:
    body = {name: value for name, value in changes.items() if value is not UNSET}
    return Send("PATCH", f"{BASE}/tracks/{_id(track_id)}", encode(body))


def change_step(track_id: str, index: int, verb: str, detail: str | None) -> Send:
    return _post(f"/tracks/{_id(track_id)}/steps/{index:d}/{verb}", {"detail": detail})


def log_action(track_id: str, text: str, step: int | None) -> Send:
    return _post(f"/tracks/{_id(track_id)}/actions", {"text": text, "step": step})


def complete_track(track_id: str, summary: str | None) -> Send:
    return _post(f"/tracks/{_id(track_id)}/complete", {"summary": summary})


def fail_track(track_id: str, reason: str, retryable: bool) -> Send:
    return _post(f"/tracks/{_id(track_id)}/fail", {"reason": reason, "retryable": retryable})


def list_events(track_id: str, after: int, wait: int, limit: int | None) -> Send:
    query = {"after": after, "wait": wait, "limit": limit}
    return _get(f"/tracks/{_id(track_id)}/events", query, timeout=wait + SLACK if wait else None)


def open_ask(track_id: str, body: Mapping[str, Any]) -> Send:
    return _post(f"/tracks/{_id(track_id)}/asks", body)


def get_ask(ask_id: str) -> Send:
    return _get(f"/asks/{_id(ask_id)}")


def wait_for_ask(ask_id: str, *, wait: int, timeout: float) -> Send:
    return _get(f"/asks/{_id(ask_id)}", {"wait": wait}, timeout=timeout)


def cancel_ask(ask_id: str, reason: str | None) -> Send:
    return _post(f"/asks/{_id(ask_id)}/cancel", {"reason": reason})


def get_receipt(ask_id: str) -> Send:
    return _get(f"/asks/{_id(ask_id)}/receipt")


def get_queue(approver: str) -> Send:
    return _get("/queue", {"approver": approver})


def get_usage() -> Send:
    return _get("/usage")


def get_page(path: str, filters: Mapping[str, Any], cursor: str | None) -> Send:
    return _get(path, {**filters, "cursor": cursor})


def encode(body: Mapping[str, Any]) -> bytes:
    """Return a body as compact UTF-8 JSON."""
    text = json.dumps(
        body, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_dict
    )
    return text.encode()


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _get(
    path: str, query: Mapping[str, Any] | None = None, *, timeout: float | None = None
) -> Send:
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return Send("GET", BASE + path + ("?" + urlencode(given) if given else ""), timeout=timeout)


def _post(path: str, body: Mapping[str, Any]) -> Send:
    """A POST with an Idempotency-Key of its own, which all its retries share."""
    given = {name: value for name, value in body.items() if value is not None}
    return Send("POST", BASE + path, encode(given), idempotency_key=uuid.uuid4().hex)


def _id(text: str) -> str:
    """An id as one path segment, whatever a caller passes as one."""
    return quote(text, safe="")
