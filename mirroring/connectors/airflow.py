"""Apache Airflow 3: tasks that wait for a person ("human in the loop", since 3.1).

Facts relied upon: a token is got by POST /auth/token and refused with 403 as well as 401; there is
no time of the last change, so a poll takes everything; a task that is cleared asks again under a
new id of its instance and the old `created_at`; a second answer is refused with 409, but two at
once may both get 200; options are whatever the author of the task wrote; where a task names users,
nobody else may answer it (403), so the account is among them; the answer has no room for a text, so
the person is named in the note of the task instance (1,000 characters at most, kept when the task
is cleared). `make test-airflow` measures all of this on a real one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from mirroring.connectors.auth import TokenLogin
from mirroring.connectors.base import (
    APPROVE,
    DENY,
    Actor,
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
    Result,
    State,
    option_of,
)
from mirroring.connectors.config import checked
from mirroring.connectors.http import Session
from mirroring.connectors.keyset import Position
from mirroring.connectors.outcomes import (
    outcome_before_sending,
    outcome_of_answer,
    outcome_of_error,
    refusal,
    unhealthy,
)
from mirroring.connectors.rows import LONGEST_ID, UNREADABLE, read_each, read_one
from mirroring.connectors.values import digest_of, read_amount, read_time, redacted

OPTIONS = {"Approve": APPROVE, "Reject": DENY}
STATES = {
    "awaiting_input": State.PENDING,
    "deferred": State.PENDING,  # the same, in 3.1
    "failed": State.CANCELLED,
    "queued": State.NOT_REQUIRED,
    "removed": State.CANCELLED,
    "restarting": State.NOT_REQUIRED,
    "running": State.NOT_REQUIRED,
    "scheduled": State.NOT_REQUIRED,
    "skipped": State.CANCELLED,
    "success": State.CANCELLED,
    "up_for_reschedule": State.NOT_REQUIRED,
    "up_for_retry": State.NOT_REQUIRED,
    "upstream_failed": State.CANCELLED,
}
LARGEST_PAGE = 100
LONGEST_NOTE = 1000
LIST = "/api/v2/dags/~/dagRuns/~/hitlDetails"

Rows = list[dict[str, Any]]


class Airflow:
    """Approvals in Airflow's runs."""

    name: ClassVar[str] = "airflow"
    title: ClassVar[str] = "Apache Airflow 3"
    fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="base_url",
            label="URL",
            help="Where its web pages are, as in https://airflow.example.com",
            kind="url",
        ),
        ConfigField(name="username", label="User name", help="Of a user who may answer tasks."),
        ConfigField(name="password", label="Password", kind="secret"),
        ConfigField(
            name="mail_domain",
            label="Mail domain",
            help="Makes addresses of user names that are none: al becomes al@corp.example.",
            required=False,
        ),
        ConfigField(
            name="default_approver",
            label="Default approver",
            help="The address of whoever decides where a task names nobody.",
            required=False,
        ),
        ConfigField(
            name="amount_param",
            label="Parameter with the amount",
            required=False,
            default="amount",
        ),
    )

    def __init__(self, config: Mapping[str, str]) -> None:
        self.config = checked(self.fields, config)
        base = self.config["base_url"].rstrip("/")
        login = {"username": self.config["username"], "password": self.config["password"]}
        auth = TokenLogin(f"{base}/auth/token", login, renew_on=frozenset({401, 403}))
        self.session = Session(base, auth=auth)

    def capabilities(self) -> Capabilities:
        """Return what Airflow can do."""
        return Capabilities(
            cursor=CursorKind.SNAPSHOT,
            note=NoteTime.AFTER_DECISION,
            note_once=True,
            comment_max=LONGEST_NOTE,
        )

    def check(self) -> Health:
        """Prove the password, and the right to see what waits: without it the answer is 403."""
        try:
            query = {"response_received": "false", "limit": "1"}
            said = self.session.read(LIST, purpose="get", query=query).json
            total = _entries(said)[1]
        except ConnectorError as error:
            return unhealthy(error, self.session)
        detail = f"{total} tasks without an answer."
        account = self.config["username"]
        return Health(ok=True, account=account, detail=detail, clock_skew=self.session.skew)

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return what waits for a person, page by page."""
        at = Position.read(cursor)
        # The word for a task that waits is another in each version, and a wrong one is refused, so
        # it is not asked for but looked at here.
        query = {
            "response_received": "false",
            "order_by": "created_at",
            "limit": str(max(1, min(limit, LARGEST_PAGE))),
            "offset": str(at.offset),
        }
        found, total = _entries(self.session.read(LIST, purpose="list", query=query).json)
        items, skipped = read_each(found, self._item, id_name="id")
        following = at.turn(len(found))
        complete = not found or following.offset >= total
        return Page(
            items=tuple(item for item in items if item.state == State.PENDING),
            cursor=None if complete else following.write(),
            complete=complete,
            is_snapshot=True,
            skipped=skipped,
        )

    def get(self, ref: str) -> Item:
        """Return one; Gone when the task was cleared and asks anew under another id."""
        return read_one(self._detail(ref), self._item, ref=ref)

    def _detail(self, ref: str) -> dict[str, Any]:
        path, instance = _path(ref)
        detail = self.session.read(f"{path}/hitlDetails", purpose="get").json
        try:
            current = detail["task_instance"]["id"]
        except UNREADABLE:
            raise ConnectorError("Airflow answered oddly.", kind=Kind.BAD_ANSWER) from None
        if current != instance:
            raise Gone(f"{ref[:80]} was cleared, and asks anew")
        found: dict[str, Any] = detail
        return found

    def _item(self, detail: dict[str, Any]) -> Item:
        task, params = detail["task_instance"], _params(detail.get("params") or {})
        names = ("dag_id", "dag_run_id", "task_id", "map_index", "id")
        ref = "/".join(quote(str(task[name]), safe="") for name in names)
        if len(ref) > LONGEST_ID:
            raise ValueError("its names are longer than 255 characters together")
        approvers = self._approvers(detail.get("assigned_users") or [])
        amount, currency = read_amount(params.get(self.config["amount_param"]))
        answered = detail.get("responded_by_user")
        material = {
            name: detail.get(name)
            for name in ("subject", "body", "options", "defaults", "multiple")
        }
        digest = digest_of(
            {**material, "params": params, "approvers": [each.id for each in approvers]}
        )
        rows = {"DAG": task["dag_id"], "Run": task["dag_run_id"], "Task": task["task_id"], **params}
        state = _state(detail)
        return Item(
            external_id=ref,
            revision=f"{state} {digest[:32]}",
            state=state,
            title=detail["subject"],
            description=detail.get("body") or None,
            approvers=approvers,
            summary=tuple((str(name), str(value)) for name, value in rows.items()),
            amount=amount,
            currency=currency,
            url=self._page(task),
            created=read_time(detail["created_at"]),
            decided_by=self._person(answered) if answered else None,
            options=_options(detail["options"]),
            material_digest=digest,
            raw=redacted(detail),
        )

    def _approvers(self, users: Rows) -> tuple[Person, ...]:
        """Return the assigned users, but for the account that carries decisions out."""
        people = [self._person(user) for user in users]
        own, default = self.config["username"], self.config["default_approver"]
        approvers = tuple(each for each in people if own not in (each.id, each.name))
        if not approvers and default:
            return (Person(id=default, email=default),)
        return approvers

    def _person(self, user: dict[str, Any]) -> Person:
        name, domain = str(user["name"] or user["id"]), self.config["mail_domain"]
        made = f"{name}@{domain}" if domain else None
        return Person(id=str(user["id"]), email=name if "@" in name else made, name=name)

    def _page(self, task: dict[str, Any]) -> str:
        dag, run, name = (
            quote(task[each], safe="") for each in ("dag_id", "dag_run_id", "task_id")
        )
        return f"{self.session.base_url}/dags/{dag}/runs/{run}/tasks/{name}"

    # -- writing -----------------------------------------------------------------------------------

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Choose an option; the person is named by note(), since an answer has room for no text."""
        try:
            detail = self._detail(ref)
            item = read_one(detail, self._item, ref=ref)
        except ConnectorError as error:
            return outcome_before_sending(error)
        option = option_of(item.options, choice)
        word = _word(option, detail["options"])
        if detail.get("response_received"):
            return _compared(detail, word)
        refused = refusal(item, option, comment=comment, expected=expected)
        return refused or self._answer(ref, word)

    def _answer(self, ref: str, word: str) -> Outcome:
        path, _ = _path(ref)
        body = {"chosen_options": [word], "params_input": {}}
        try:
            answer = self.session.send("PATCH", f"{path}/hitlDetails", purpose="decide", body=body)
        except ConnectorError as error:
            return outcome_of_error(error)
        outcome = outcome_of_answer(answer)
        if outcome.result not in (Result.APPLIED, Result.CONFLICT):
            return outcome
        try:  # of two answers at once both may be told 200
            detail = self._detail(ref)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, detail=str(error))
        if not detail.get("response_received"):
            return Outcome(result=Result.UNKNOWN, detail=outcome.detail)
        compared = _compared(detail, word)
        if outcome.result != Result.APPLIED:
            return compared
        is_there = compared.result == Result.ALREADY_SAME
        return outcome if is_there else replace(compared, result=Result.UNKNOWN)

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Add to the note of the task instance, once; what does not fit is cut from the text."""
        path, _ = _path(ref)
        before = self._detail(ref)["task_instance"].get("note") or ""
        if f"[{marker}]" in before:
            return False
        end, kept = f"\n[{marker}]", f"{before}\n\n" if before else ""
        room = LONGEST_NOTE - len(kept) - len(end)
        if room < min(len(text), 200):
            message = "The note of the task instance is full."
            raise ConnectorError(message, kind=Kind.BAD_REQUEST, permanent=True)
        body = {"note": f"{kept}{text[:room]}{end}"}
        query = {"update_mask": "note"}
        answer = self.session.send("PATCH", path, purpose="note", query=query, body=body)
        failure = answer.failure()
        if failure is not None:
            raise failure
        return True


def _entries(said: Any) -> tuple[Rows, int]:
    found = said.get("hitl_details") if isinstance(said, dict) else None
    total = said.get("total_entries") if isinstance(said, dict) else None
    if not isinstance(found, list) or not isinstance(total, int):
        raise ConnectorError("Airflow answered without a list.", kind=Kind.BAD_ANSWER)
    return found, total


def _path(ref: str) -> tuple[str, str]:
    """Return the path of a task instance, and its id; raise Gone for what is no reference."""
    parts = [unquote(each) for each in ref.split("/")]
    if len(parts) != 5 or any(not each.strip(".") or "/" in each for each in parts):
        raise Gone(f"{ref[:40]!r} is not the id of a task that waits")
    dag, run, task, index = (quote(each, safe="") for each in parts[:4])
    return f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/{index}", parts[4]


def _state(detail: dict[str, Any]) -> State:
    if not detail.get("response_received"):
        return STATES.get(str(detail["task_instance"]["state"]), State.UNKNOWN)
    chosen = detail.get("chosen_options") or []
    option = OPTIONS.get(chosen[0]) if len(chosen) == 1 else None
    return option.state if option else State.UNKNOWN


def _params(params: dict[str, Any]) -> dict[str, Any]:
    return {
        name: each["value"] if isinstance(each, dict) and "value" in each else each
        for name, each in params.items()
    }


def _options(words: list[str]) -> tuple[Option, ...]:
    """Return the options; what is neither yes nor no is chosen by its own word."""
    return tuple(
        OPTIONS.get(word) or Option(code=word, label=word, state=State.UNKNOWN) for word in words
    )


def _word(option: Option, words: list[str]) -> str:
    return next(word for word in words if OPTIONS.get(word) == option or word == option.code)


def _compared(detail: dict[str, Any], word: str) -> Outcome:
    chosen = detail.get("chosen_options")
    result = Result.ALREADY_SAME if chosen == [word] else Result.CONFLICT
    return Outcome(result=result, detail=f"It was answered with {chosen}.")
