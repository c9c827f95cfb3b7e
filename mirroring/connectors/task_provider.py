"""Task Provider: in-house systems that speak the interface of docs/task-provider.md.

Facts relied upon are that document's: tasks are listed in the order of (modified, id), those after
the pair that is asked for; every change gives a task a new revision and a later time; nothing
disappears but leaves a tombstone; a response is taken once per idempotency key, and only at the
revision that it was judged at; 200 returns the task as it then is.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from mirroring.connectors.auth import Basic, HeaderSecret
from mirroring.connectors.base import (
    Actor,
    BadConfig,
    Capabilities,
    ConfigField,
    ConnectorError,
    CursorKind,
    Gone,
    Health,
    Item,
    Kind,
    NoteTime,
    Option,
    Outcome,
    Page,
    Person,
    Problem,
    Result,
    State,
    option_of,
    statement,
)
from mirroring.connectors.config import checked
from mirroring.connectors.http import Answer, Session
from mirroring.connectors.keyset import Position
from mirroring.connectors.outcomes import (
    outcome_before_sending,
    outcome_of_answer,
    outcome_of_error,
    refusal,
    unhealthy,
)
from mirroring.connectors.rows import UNREADABLE, read_each, read_one
from mirroring.connectors.values import digest_of, read_amount, read_time, redacted

STATES = {
    "pending": State.PENDING,
    "approved": State.APPROVED,
    "rejected": State.REJECTED,
    "cancelled": State.CANCELLED,
    "not_required": State.NOT_REQUIRED,
    "deleted": State.CANCELLED,  # a tombstone
}
RESULTS = {  # codes that say more than their status
    "comment_required": Result.NEEDS_INPUT,
    "idempotency_mismatch": Result.UNKNOWN,  # the first request with this key may have been taken
    "unknown_response": Result.CONFLICT,  # it was offered when it was judged
}
LARGEST_PAGE = 200
LONGEST_ID = 255
REVISION = re.compile(r"[!#-~]{1,128}")
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
NO_NOTES = (405, 501)


class TaskProvider:
    """Tasks of a system that was made to be asked for them."""

    name: ClassVar[str] = "task_provider"
    title: ClassVar[str] = "Task Provider"
    fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="base_url",
            label="URL",
            help="What stands before /tasks, as in https://erp.corp.example/sayso",
            kind="url",
        ),
        ConfigField(
            name="token",
            label="Token",
            help="Sent as a bearer token. Leave it empty for a user name and a password.",
            kind="secret",
            required=False,
        ),
        ConfigField(name="username", label="User name", required=False),
        ConfigField(name="password", label="Password", kind="secret", required=False),
    )

    def __init__(self, config: Mapping[str, str]) -> None:
        values = checked(self.fields, config)
        has_login = bool(values["username"] and values["password"])
        if bool(values["token"]) == has_login:
            message = "Give either a token, or a user name and a password."
            raise BadConfig([Problem(field="token", message=message)])
        basic = Basic(values["username"], values["password"])
        auth = basic if has_login else HeaderSecret(values["token"])
        self.session = Session(values["base_url"], auth=auth)

    def capabilities(self) -> Capabilities:
        """Return what the interface can do."""
        return Capabilities(
            cursor=CursorKind.KEYSET,
            precondition=True,
            note=NoteTime.WITH_DECISION,
            note_once=True,
        )

    # -- reading -----------------------------------------------------------------------------------

    def check(self) -> Health:
        """Prove the account, and that the provider says it is well."""
        try:
            said = self.session.read("/health", purpose="get").json
            status = said["status"]
        except ConnectorError as error:
            return unhealthy(error, self.session)
        except UNREADABLE:
            wrong = ConnectorError("/health names no status.", kind=Kind.BAD_ANSWER)
            return unhealthy(wrong, self.session)
        account, detail = str(said.get("account") or ""), str(said.get("detail") or "")
        if status != "ok":
            message = f"The provider says that it is {status!r}. {detail}".strip()
            wrong = ConnectorError(message, kind=Kind.SERVER)
            return replace(unhealthy(wrong, self.session), account=account)
        return Health(ok=True, account=account, detail=detail, clock_skew=self.session.skew)

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return what is pending, and after that what changed."""
        at = Position.read(cursor)
        said = self.session.read("/tasks", purpose="list", query=_search(at, limit)).json
        tasks = said.get("tasks") if isinstance(said, dict) else None
        if not isinstance(tasks, list) or not isinstance(said.get("more"), bool):
            raise ConnectorError("/tasks was answered without a list.", kind=Kind.BAD_ANSWER)
        if at.started is None:
            at = replace(at, started=self.session.now())
        items, skipped = read_each(tasks, self._item, id_name="id")
        now = self.session.now()
        following = _go_on(at, tasks) if said["more"] else at.finish(_times(tasks), now=now)
        return Page(
            items=tuple(items),
            cursor=following.write() if following else None,
            complete=not said["more"],
            skipped=skipped,
        )

    def get(self, ref: str) -> Item:
        """Return one task."""
        answer = self.session.read(_path(ref), purpose="get")
        return self._readable(ref, answer.json)

    def _readable(self, ref: str, task: Any) -> Item:
        item = read_one(task, self._item, ref=ref)
        if item.external_id != ref:
            raise Gone(f"{ref[:80]} is answered with another task")
        return item

    def _item(self, task: dict[str, Any]) -> Item:
        ref, word = task["id"], task["state"]
        if not isinstance(ref, str) or not 0 < len(ref) <= LONGEST_ID:
            raise ValueError(f"its id is not a text of at most {LONGEST_ID} characters")
        if not isinstance(task["revision"], str) or not REVISION.fullmatch(task["revision"]):
            raise ValueError("its revision is not a text of at most 128 ASCII characters")
        is_tombstone = word == "deleted"
        amount, currency = read_amount(task.get("amount"))
        if amount is None and task.get("amount") not in (None, ""):
            raise ValueError("its amount is not exact")
        content: dict[str, Any] = {
            "title": str(task.get("title") or ref) if is_tombstone else _text(task["title"]),
            "description": _optional(task.get("description")),
            "details": _optional(task.get("details")),
            "summary": tuple(_summary(each) for each in task.get("summary") or ()),
            "amount": amount,
            "currency": _optional(task.get("currency")) or currency,
            "due": read_time(task.get("due")),
        }
        approvers = tuple(_person(each) for each in task.get("approvers") or ())
        requester, decided = task.get("requester"), task.get("decided") or {}
        who = {"approvers": sorted(each.id for each in approvers), "requester": requester}
        return Item(
            external_id=ref,
            revision=task["revision"],
            state=STATES.get(word, State.UNKNOWN),
            approvers=approvers,
            requester=_person(requester) if requester else None,
            url=_optional(task.get("url")),
            created=read_time(task.get("created")),
            updated=_modified(task),
            decided_by=_person(decided["by"]) if decided.get("by") else None,
            options=tuple(_option(each) for each in task.get("responses") or ()),
            material_digest=digest_of({**content, **who}),
            raw=redacted(task),
            **content,
        )

    # -- writing -----------------------------------------------------------------------------------

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Send a response, bound to the revision that was judged and to a key."""
        try:
            item = self.get(ref)
        except ConnectorError as error:
            return outcome_before_sending(error)
        if not item.options and item.state != State.PENDING:
            return Outcome(result=Result.CONFLICT, detail=f"It is {item.state} there.")
        option = option_of(item.options, choice)
        refused = refusal(item, option, comment=comment, expected=expected)
        if refused:
            return refused
        body = {
            "response": option.code,
            "comment": comment,
            "revision": expected,
            "actor": {"email": actor.email, "name": actor.name},
            "decidedAt": actor.decided_at.strftime(TIME),
            "receipt": actor.receipt,
            "statement": statement(option=option, actor=actor, comment=comment, key=key),
        }
        headers = {"If-Match": f'"{expected}"', "Idempotency-Key": key}
        path = f"{_path(ref)}/responses"
        try:
            answer = self.session.send("POST", path, purpose="decide", body=body, headers=headers)
        except ConnectorError as error:
            return outcome_of_error(error)
        return self._judged(ref, option, answer)

    def _judged(self, ref: str, option: Option, answer: Answer) -> Outcome:
        outcome, said = outcome_of_answer(answer), answer.json_or_none
        code = said.get("code") if isinstance(said, dict) and answer.status >= 400 else None
        outcome = replace(outcome, result=RESULTS.get(str(code), outcome.result))
        if outcome.result not in (Result.APPLIED, Result.CONFLICT):
            return outcome
        is_done = outcome.result == Result.APPLIED
        try:
            item = self._readable(ref, said) if is_done else self.get(ref)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, detail=str(error))
        if item.state == option.state:
            return outcome if is_done else replace(outcome, result=Result.ALREADY_SAME)
        detail = f"{outcome.detail}, and it is {item.state}."
        return Outcome(result=Result.UNKNOWN if is_done else Result.CONFLICT, detail=detail)

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Write a note, once; nothing where the provider takes none."""
        body = {"text": text, "marker": marker}
        answer = self.session.send("POST", f"{_path(ref)}/notes", purpose="note", body=body)
        failure = answer.failure()
        if failure is not None and answer.status not in NO_NOTES:
            raise failure
        said = answer.json_or_none
        return not (isinstance(said, dict) and said.get("written") is False)


def _search(at: Position, limit: int) -> dict[str, str]:
    query = {"limit": str(max(1, min(limit, LARGEST_PAGE)))}
    if at.is_first:
        query["state"] = "pending"
    if at.since:
        query["modifiedAfter"] = at.since.strftime(TIME)
    if at.token:
        query["lastId"] = str(at.token)
    return query


def _go_on(at: Position, tasks: list[Any]) -> Position:
    """Return where the next page begins: after the last task of this one."""
    try:
        since, last = _modified(tasks[-1]), str(tasks[-1]["id"])
    except UNREADABLE:
        since, last = None, ""
    stands = at.since and since and (since < at.since or (since, last) == (at.since, at.token))
    if since is None or stands:
        raise ConnectorError("The list of tasks does not go on.", kind=Kind.BAD_ANSWER)
    high = max(time for time in (at.high, *_times(tasks)) if time)
    return replace(at, since=since, token=last, high=high)


def _times(tasks: list[Any]) -> list[datetime]:
    times = []
    for task in tasks:
        try:
            times.append(_modified(task))
        except UNREADABLE:
            continue
    return times


def _modified(task: dict[str, Any]) -> datetime:
    moment = read_time(task["modified"])
    if moment is None:
        raise ValueError("it does not say when it was modified")
    return moment


def _path(ref: str) -> str:
    if not ref.strip(".") or len(ref) > LONGEST_ID:
        raise Gone(f"{ref[:40]!r} is not the id of a task")
    return f"/tasks/{quote(ref, safe='')}"


def _person(said: dict[str, Any]) -> Person:
    known = {name: _optional(said.get(name)) for name in ("email", "name", "manager")}
    return Person(id=str(said.get("id") or said["email"]), **known)


def _option(said: dict[str, Any]) -> Option:
    return Option(
        code=_text(said["code"]),
        label=_text(said["label"]),
        state=STATES.get(said["outcome"], State.UNKNOWN),
        comment_required=said.get("commentRequired") is True,
    )


def _summary(said: dict[str, Any]) -> tuple[str, str]:
    return _text(said["label"]), _text(said["value"])


def _text(said: Any) -> str:
    if not isinstance(said, str) or not said.strip():
        raise ValueError("a text is missing")
    return said


def _optional(said: Any) -> str | None:
    return _text(said) if said not in (None, "") else None
