"""The body of a webhook (contract §3). Built once per event, sent as the same bytes ever after."""

import json
from datetime import datetime
from typing import Any

from approvals.models import Ask
from approvals.serializers import receipt_url
from tracks.clock import rfc3339
from tracks.ids import known_id
from tracks.models import Event

TEST = "webhook.test"

LARGEST_BODY = 20_000
# What goes first when a body is too large. The answer and the question never do.
_LEFT_OUT = ("details", "summary", "options", "description")


def body_of(event: Event) -> str:
    """Return the body that tells of an event."""
    data = {"track_id": event.track.public_id, "seq": event.seq, **(event.data or {})}
    if event.data is None:
        data["erased"] = True
    elif event.type.startswith("input_request."):
        data = _about_ask(event, data)
    body = _body(event.type, event.at, data)
    return body if _fits(body) else _shortened(event, data)


def test_body(endpoint_id: str, at: datetime) -> str:
    """Return the body of a test."""
    text = "This is a test. No track and no ask has changed."
    return _body(TEST, at, {"endpoint_id": endpoint_id, "message": text})


def _about_ask(event: Event, said: dict[str, Any]) -> dict[str, Any]:
    ask = Ask.objects.select_related("track").get(pk=known_id("ask", said["ask_id"]))
    data = {
        "ask_id": said["ask_id"],
        "track_id": said["track_id"],
        "seq": said["seq"],
        "kind": ask.kind,
        "prompt": ask.prompt,
        "config": ask.config,
        "status": said.get("status", Ask.Status.OPEN),
    }
    digests = {"display_digest": ask.display_digest, "action_digest": ask.action_digest}
    return data | _OWN_FIELDS[event.type](ask, said) | digests


def _of_created(ask: Ask, said: dict[str, Any]) -> dict[str, Any]:
    own = ("approvers", "needed", "asked_by", "timeout_seconds", "expires_at", "due_at")
    return {name: said[name] for name in own}


def _of_answered(ask: Ask, said: dict[str, Any]) -> dict[str, Any]:
    answered = {
        "answerValue": said["value"],
        "comment": said["comment"],
        "answered_by": said["answered_by"],
        "duration_ms": said["duration_ms"],
        "answer_text_is_untrusted": True,
        "receipt_url": receipt_url(ask),
    }
    return answered | {"overridden": True} if said.get("overridden") else answered


def _of_cancelled(ask: Ask, said: dict[str, Any]) -> dict[str, Any]:
    return {"cancel_reason": said["reason"]}


def _of_timeout(ask: Ask, said: dict[str, Any]) -> dict[str, Any]:
    return {"expires_at": said["expires_at"]}


_OWN_FIELDS = {
    "input_request.created": _of_created,
    "input_request.answered": _of_answered,
    "input_request.cancelled": _of_cancelled,
    "input_request.timeout": _of_timeout,
}


def _shortened(event: Event, data: dict[str, Any]) -> str:
    """Leave out what can be read through the API until the body fits."""
    data = {**data, "details_omitted": True}
    if "config" not in data:
        ids = ("ask_id", "track_id", "seq", "details_omitted")
        return _body(event.type, event.at, {name: data[name] for name in ids if name in data})
    config = dict(data["config"])
    for name in _LEFT_OUT:
        config.pop(name, None)
        body = _body(event.type, event.at, {**data, "config": config})
        if _fits(body):
            break
    return body


def _body(type: str, at: datetime, data: dict[str, Any]) -> str:
    content = {"type": type, "timestamp": rfc3339(at), "data": data}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _fits(body: str) -> bool:
    return len(body.encode()) <= LARGEST_BODY
