"""A track with its steps and events. Read-only."""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sayso._clock import optional_time, parse_time
from sayso._models.ask import AskSnapshot
from sayso._wire import (
    ActorJSON,
    EventJSON,
    EventsJSON,
    StepJSON,
    StepStatus,
    TrackJSON,
    TrackStatus,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A named stage of a track."""

    index: int
    title: str
    status: StepStatus
    detail: str | None
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def read(cls, data: StepJSON) -> Self:
        return cls(
            index=data["index"],
            title=data["title"],
            status=data["status"],
            detail=data["detail"],
            started_at=optional_time(data["started_at"]),
            ended_at=optional_time(data["ended_at"]),
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a track failed, and whether trying again may help."""

    reason: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Source:
    """The system of record that a mirrored track comes from."""

    name: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: an agent, an approver, staff, a connection, or the system."""

    type: str
    name: str

    @classmethod
    def read(cls, data: ActorJSON) -> Self:
        return cls(type=data["type"], name=data["name"])


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a track. `data` is None once it was erased."""

    id: str
    track_id: str
    seq: int
    type: str
    actor: Actor
    at: datetime
    data: dict[str, Any] | None
    hash: str
    prev_hash: str
    erased: bool

    @classmethod
    def read(cls, data: EventJSON) -> Self:
        return cls(
            id=data["id"],
            track_id=data["track_id"],
            seq=data["seq"],
            type=data["type"],
            actor=Actor.read(data["actor"]),
            at=parse_time(data["at"]),
            data=data["data"],
            hash=data["hash"],
            prev_hash=data["prev_hash"],
            erased=data.get("erased", False),
        )


class Events(list[Event]):
    """Events of a track in the order of `seq`. `last_seq` is the track's newest."""

    last_seq: int

    @classmethod
    def read(cls, data: EventsJSON) -> Self:
        events = cls(Event.read(event) for event in data["data"])
        events.last_seq = data["last_seq"]
        return events


class TrackFields:
    """The fields of a track, as they were when the API last answered with it.

    Several threads may use it at once. A reply that was overtaken by a newer one is dropped.
    """

    def __init__(self, raw: TrackJSON) -> None:
        self._raw = raw
        self._raw_lock = threading.Lock()

    def _keep(self, raw: TrackJSON) -> Self:
        with self._raw_lock:
            if raw["seq"] >= self._raw["seq"]:
                self._raw = raw
        return self

    @property
    def raw(self) -> TrackJSON:
        """The track as the API sent it."""
        return self._raw

    @property
    def id(self) -> str:
        return self._raw["id"]

    @property
    def url(self) -> str:
        """The page on which the customer follows the work. Whoever has it may look."""
        return self._raw["url"]

    @property
    def title(self) -> str:
        return self._raw["title"]

    @property
    def status(self) -> TrackStatus:
        return self._raw["status"]

    @property
    def steps(self) -> list[Step]:
        return [Step.read(step) for step in self._raw["steps"]]

    @property
    def customer_email(self) -> str | None:
        return self._raw["customer_email"]

    @property
    def password_protected(self) -> bool:
        return self._raw["password_protected"]

    @property
    def external_id(self) -> str | None:
        return self._raw["external_id"]

    @property
    def requester(self) -> str | None:
        return self._raw["requester"]

    @property
    def metadata(self) -> dict[str, Any]:
        return self._raw["metadata"]

    @property
    def summary(self) -> str | None:
        return self._raw["summary"]

    @property
    def failure(self) -> Failure | None:
        failure = self._raw["failure"]
        if failure is None:
            return None
        return Failure(reason=failure["reason"], retryable=failure["retryable"])

    @property
    def current_ask(self) -> AskSnapshot | None:
        """The ask that is open, the API's `open_ask`, or None. (`open_ask` is the verb.)"""
        ask = self._raw["open_ask"]
        return None if ask is None else AskSnapshot(ask)

    @property
    def source(self) -> Source | None:
        source = self._raw["source"]
        return None if source is None else Source(name=source["name"], url=source["url"])

    @property
    def seq(self) -> int:
        """The number of its newest event."""
        return self._raw["seq"]

    @property
    def created_at(self) -> datetime:
        return parse_time(self._raw["created_at"])

    @property
    def updated_at(self) -> datetime:
        return parse_time(self._raw["updated_at"])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status} {self.title!r}>"
