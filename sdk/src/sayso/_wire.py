"""The JSON of the API, as types. What a newer server adds is simply there, untyped."""

from typing import Any, Literal, NotRequired, TypedDict

TrackStatus = Literal["active", "completed", "failed"]
StepStatus = Literal["pending", "active", "completed", "failed"]
AskStatus = Literal["open", "answered", "timeout", "cancelled"]
AskKind = Literal["confirm", "text", "choice"]


class StepJSON(TypedDict):
    index: int
    title: str
    status: StepStatus
    detail: str | None
    started_at: str | None
    ended_at: str | None


class FailureJSON(TypedDict):
    reason: str
    retryable: bool


class SourceJSON(TypedDict):
    name: str
    url: str | None


class AnswerJSON(TypedDict):
    value: bool | str
    comment: str | None
    answered_by: str
    answered_at: str
    duration_ms: int
    verified_by: str
    overridden: NotRequired[bool]  # only where it is true


class DecisionJSON(TypedDict):
    approver: str
    on_behalf_of: str | None
    value: bool | str | None
    comment: str | None
    at: str
    verified_by: str


class AskJSON(TypedDict):
    id: str
    track_id: str
    url: str
    key: str | None
    kind: AskKind
    prompt: str
    config: dict[str, Any]
    status: AskStatus
    answer: AnswerJSON | None
    approvers: list[str]
    needed: int
    decisions: list[DecisionJSON]
    asked_by: str
    timeout_seconds: int
    expires_at: str
    due_at: str | None
    created_at: str
    closed_at: str | None
    cancel_reason: str | None
    escalated_from: str | None
    escalated_to: str | None
    display_digest: str
    action_digest: str | None
    receipt_url: str | None


class TrackJSON(TypedDict):
    id: str
    url: str
    title: str
    status: TrackStatus
    steps: list[StepJSON]
    customer_email: str | None
    password_protected: bool
    external_id: str | None
    requester: str | None
    metadata: dict[str, Any]
    summary: str | None
    failure: FailureJSON | None
    open_ask: AskJSON | None
    source: SourceJSON | None
    seq: int
    created_at: str
    updated_at: str


class ActorJSON(TypedDict):
    type: Literal["agent", "approver", "staff", "connection", "system"]
    name: str


class EventJSON(TypedDict):
    id: str
    track_id: str
    seq: int
    type: str
    actor: ActorJSON
    at: str
    data: dict[str, Any] | None
    hash: str
    prev_hash: str
    erased: NotRequired[bool]


class EventsJSON(TypedDict):
    data: list[EventJSON]
    last_seq: int


class QueueJSON(TypedDict):
    approver: str
    count: int
    overdue: int
    text: str
    asks: list[AskJSON]


class UsageJSON(TypedDict):
    plan: str
    month: str
    asks: int
    limit: int | None
    grace: Any
