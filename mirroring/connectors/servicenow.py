"""ServiceNow over its Table API: the rows of `sysapproval_approver`, one for each approver.

Facts relied upon. From the documentation of the Table API: an invalid part of a query is ignored
and the rest answered; `sysparm_display_value=all` gives of each field what the database has
(`value`) beside what a page shows (`display_value`); a Link header with rel="next" leads on. A
limit is applied before the access rules, so a page may be short, or empty, and not the last.
(KB0534905, "SOAP web service and time zones":) times as text are UTC, in a query, too. ("Inbound
REST API rate limiting":) 429 comes with Retry-After in seconds. ("Journal field type":) what is
written into `comments` or `work_notes` stands in the display value only. ("Currency values in
scripts":) an amount may come as USD;18400.00. Fields of a table that extends `task` are reached as
in `sysapproval.ref_sc_req_item.price`.

To be expected of any instance: a rule on a field makes a write change nothing and answer 200; a
late decision overwrites an earlier one; a change of the document does not touch the approval, so
a revision contains the digest; a row that is not there cannot be told from one that may not be
seen, and an account that is taken for a guest sees empty lists. `sys_updated_by` is who changed the
row last: right after a decision, who decided.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from mirroring.connectors.auth import Basic, ClientCredentials
from mirroring.connectors.base import (
    APPROVE,
    DENY,
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
from mirroring.connectors.http import Answer, Auth, Session
from mirroring.connectors.keyset import Position, foreign_cursor
from mirroring.connectors.outcomes import (
    outcome_before_sending,
    outcome_of_answer,
    outcome_of_error,
    outcome_of_look,
    refusal,
    unhealthy,
)
from mirroring.connectors.rows import content_of, read_each, read_one
from mirroring.connectors.values import digest_of, read_amount, read_time, redacted

STATES = {
    "requested": State.PENDING,
    "approved": State.APPROVED,
    "rejected": State.REJECTED,
    "cancelled": State.CANCELLED,
    "duplicate": State.CANCELLED,
    "not requested": State.NOT_REQUIRED,  # an earlier stage is open
    "not_required": State.NOT_REQUIRED,
}
WORDS = {APPROVE.code: "approved", DENY.code: "rejected"}
FIELDS = (
    *("sys_id", "state", "due_date", "document_id", "source_table"),
    *("approver", "approver.email", "approver.name", "approver.manager.email"),
    *("sysapproval", "sysapproval.number"),
    *("sysapproval.short_description", "sysapproval.description"),
    *("sysapproval.opened_by", "sysapproval.opened_by.email", "sysapproval.opened_by.name"),
    *("sys_created_on", "sys_updated_on", "sys_updated_by", "sys_mod_count"),
)
LARGEST_PAGE = 100
LONGEST_COMMENT = 3500  # a journal field holds 4,000 characters, and we name the person in it
QUERY_TIME = "%Y-%m-%d %H:%M:%S"
APPROVALS = "/api/now/table/sysapproval_approver"
USERS = "/api/now/table/sys_user"
ME = "sys_id=javascript:gs.getUserID()"
GUEST = "guest"
SYS_ID = re.compile(r"[0-9a-f]{32}")


class ServiceNow:
    """Approvals of a ServiceNow instance."""

    name: ClassVar[str] = "servicenow"
    title: ClassVar[str] = "ServiceNow"
    fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="base_url",
            label="URL of the instance",
            help="As in https://example.service-now.com",
            kind="url",
        ),
        ConfigField(
            name="username",
            label="User name",
            help="Of an account that may see and change approvals. Leave it empty for OAuth.",
            required=False,
        ),
        ConfigField(name="password", label="Password", kind="secret", required=False),
        ConfigField(
            name="client_id",
            label="OAuth client ID",
            help="Instead of a user name: of an application with the grant 'client credentials'.",
            required=False,
        ),
        ConfigField(
            name="client_secret", label="OAuth client secret", kind="secret", required=False
        ),
        ConfigField(
            name="amount_field",
            label="Field with the amount",
            help="As seen from the approval. Leave it empty if there is none.",
            required=False,
            default="sysapproval.ref_sc_req_item.price",
        ),
        ConfigField(
            name="currency",
            label="Currency",
            help="Of amounts that come without one, as in EUR.",
            required=False,
        ),
    )

    def __init__(self, config: Mapping[str, str]) -> None:
        values = checked(self.fields, config)
        problems = list(_problems(values))
        if problems:
            raise BadConfig(problems)
        base = values["base_url"].rstrip("/")
        self.amount_field, self.currency = values["amount_field"], values["currency"] or None
        self.session = Session(base, auth=_auth(base, values))
        self._columns = {
            "sysparm_fields": ",".join(filter(None, (*FIELDS, self.amount_field))),
            "sysparm_display_value": "all",
            "sysparm_exclude_reference_link": "true",
        }

    def capabilities(self) -> Capabilities:
        """Return what ServiceNow can do."""
        return Capabilities(
            cursor=CursorKind.KEYSET,
            cursor_resolution=1,
            note=NoteTime.WITH_DECISION,
            note_once=True,
            comment_max=LONGEST_COMMENT,
        )

    # -- reading -----------------------------------------------------------------------------------

    def check(self) -> Health:
        """Prove that the account is known, and say how many pending approvals it sees."""
        query = {"sysparm_query": "state=requested", "sysparm_limit": "1"}
        try:
            account = self._account()
            answer = self.session.read(
                APPROVALS, purpose="get", query={**query, "sysparm_fields": "sys_id"}
            )
            found = len(content_of(answer, list, inside="result"))
        except ConnectorError as error:
            return unhealthy(error, self.session)
        hint = "If there are any, grant it the role approval_admin." if not found else ""
        total = answer.headers.get("x-total-count", "some") if found else "no"
        return Health(
            ok=True,
            account=account,
            detail=f"The account sees {total} pending approvals.",
            clock_skew=self.session.skew,
            how_to_fix=hint,
        )

    def _account(self) -> str:
        """Return our own name there; raise ConnectorError if we are nobody."""
        query = {"sysparm_query": ME, "sysparm_fields": "user_name", "sysparm_limit": "2"}
        rows = self._read(USERS, list, query)
        if len(rows) > 1:
            message = "ServiceNow did not say which account this is."
            raise ConnectorError(message, kind=Kind.BAD_ANSWER)
        name = _text(rows[0], "user_name") if rows else GUEST
        if name == GUEST:
            message = "ServiceNow answers, but without any rows: it takes the account for a guest."
            raise ConnectorError(message, kind=Kind.AUTH, permanent=True)
        return name

    def _read(
        self, path: str, kind: type, query: Mapping[str, str], *, purpose: str = "get"
    ) -> Any:
        answer = self.session.read(path, purpose=purpose, query=query)
        return content_of(answer, kind, inside="result")

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return what is pending, and after that what changed: decided approvals, too."""
        at = Position.read(cursor)
        if not str(at.token or 0).isdecimal():
            raise foreign_cursor()
        query = {**self._columns, **_search(at, limit)}
        answer = self.session.read(APPROVALS, purpose="list", query=query)
        rows, token = content_of(answer, list, inside="result"), _next_offset(answer, at)
        if at.started is None:
            if at.is_first and not rows and token is None:
                self._account()  # nothing at all is believed only of somebody who is known
            at = replace(at, started=self.session.now())
        items, skipped = read_each(rows, self._item, id_name="sys_id")
        asked_for = [item for item in items if at.asks_for(item.updated)]
        if token is None:
            times = [item.updated for item in asked_for]
            following = at.finish(times, now=self.session.now())
        else:
            times = [*(item.updated for item in items), *(None for _ in skipped)]
            following = at.follow_doubting(times, token=token)
        wanted = [item for item in asked_for if item.state == State.PENDING or not at.is_first]
        return Page(
            items=tuple(wanted),
            cursor=following.write() if following else None,
            complete=token is None,
            skipped=skipped,
        )

    def get(self, ref: str) -> Item:
        """Return one approval; Gone, too, when the account may no longer see it."""
        return read_one(self._row(ref), self._item, ref=ref)

    def _row(self, ref: str) -> dict[str, Any]:
        if not SYS_ID.fullmatch(ref):
            raise Gone(f"{ref[:40]!r} is not the sys_id of an approval")
        try:
            row: dict[str, Any] = self._read(f"{APPROVALS}/{ref}", dict, self._columns)
        except Gone:
            self._account()  # to a guest everything is gone
            raise
        return row

    def _item(self, row: Any) -> Item:
        if not isinstance(row, dict):
            raise TypeError("this is not a row")
        ref, word, changed = (_text(row, name) for name in ("sys_id", "state", "sys_updated_on"))
        if not SYS_ID.fullmatch(ref) or not word or not changed:
            raise ValueError("it has no sys_id, no state or no time of its last change")
        state, due = STATES.get(word, State.UNKNOWN), read_time(_text(row, "due_date"))
        number, document = (
            _text(row, "sysapproval.number"),
            _text(row, "document_id", part="display_value"),
        )
        title = _text(row, "sysapproval.short_description") or number or document or "Approval"
        rows = [("Request", number), ("Document", "" if number in document else document)]
        details = _text(row, "sysapproval.description")
        approver, requester = _person(row, "approver"), _person(row, "sysapproval.opened_by")
        amount, currency = read_amount(_text(row, self.amount_field))
        currency = currency or (self.currency if amount is not None else None)
        digest = digest_of(
            {
                "title": title,
                "details": details,
                "document": _text(row, "document_id") or _text(row, "sysapproval"),
                "approver": approver and approver.id,
                "requester": requester and requester.id,
                "amount": _text(row, self.amount_field) if amount is None else amount,
                "currency": currency,
                "due": due,
            }
        )
        decider = _text(row, "sys_updated_by")
        is_decided = state in (State.APPROVED, State.REJECTED) and decider
        return Item(
            external_id=ref,
            revision=f"{changed} {_text(row, 'sys_mod_count')} {word[:40]} {digest[:16]}",
            state=state,
            title=title,
            details=details or None,
            approvers=(approver,) if approver else (),
            requester=requester,
            summary=tuple((name, text) for name, text in rows if text),
            amount=amount,
            currency=currency,
            due=due,
            url=f"{self.session.base_url}/sysapproval_approver.do?sys_id={ref}",
            created=read_time(_text(row, "sys_created_on")),
            updated=read_time(changed),
            decided_by=Person(id=decider) if is_decided else None,
            material_digest=digest,
            raw=redacted(row),
        )

    # -- writing -----------------------------------------------------------------------------------

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Decide what is as it was judged, with a comment that names the person, and look again."""
        option = option_of((APPROVE, DENY), choice)
        try:
            before = self.get(ref)
        except ConnectorError as error:
            return outcome_before_sending(error)
        refused = refusal(before, option, comment=comment, expected=expected)
        if refused:
            return refused
        text = statement(option=option, actor=actor, comment=comment, key=key)
        body, path = {"state": WORDS[choice], "comments": text}, f"{APPROVALS}/{ref}"
        try:
            answer = self.session.send(
                "PATCH", path, purpose="decide", query={"sysparm_fields": "sys_id"}, body=body
            )
        except ConnectorError as error:
            return outcome_of_error(error)
        outcome = outcome_of_answer(answer)
        if outcome.result != Result.APPLIED:
            return outcome
        return outcome_of_look(lambda: self.get(ref), option, outcome)

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Write a work note on what is approved, once."""
        row = self._row(ref)
        table, document = _text(row, "source_table"), _text(row, "document_id")
        if not table or not document:
            table, document = "task", _text(row, "sysapproval")
        if not re.fullmatch(r"[a-z0-9_]+", table) or not SYS_ID.fullmatch(document):
            raise Gone(f"approval {ref} names no document")
        path = f"/api/now/table/{table}/{document}"
        query = {"sysparm_fields": "work_notes", "sysparm_display_value": "all"}
        there = self._read(path, dict, query, purpose="note")
        if f"[{marker}]" in _text(there, "work_notes", part="display_value"):
            return False
        body = {"work_notes": f"{text}\n\n[{marker}]"}
        answer = self.session.send(
            "PATCH", path, purpose="note", query={"sysparm_fields": "sys_id"}, body=body
        )
        failure = answer.failure()
        if failure is not None:
            raise failure
        return True


def _problems(values: Mapping[str, str]) -> Iterator[Problem]:
    account = (values["username"], values["password"])
    client = (values["client_id"], values["client_secret"])
    if any(account) and any(client):
        message = "Give a user name and a password, or an OAuth client, not both."
        yield Problem(field="client_id", message=message)
    elif not all(account) and not all(client):
        message = "Give a user name and a password, or the ID and the secret of an OAuth client."
        yield Problem(field="client_id" if any(client) else "username", message=message)
    if not re.fullmatch(r"[a-z0-9_.]*", values["amount_field"]):
        message = "This is no field. It looks like sysapproval.ref_sc_req_item.price."
        yield Problem(field="amount_field", message=message)
    if not re.fullmatch(r"([A-Z]{3})?", values["currency"]):
        yield Problem(field="currency", message="This must be three capital letters, as in EUR.")


def _auth(base: str, values: Mapping[str, str]) -> Auth:
    if values["username"]:
        return Basic(values["username"], values["password"])
    url = f"{base}/oauth_token.do"
    return ClientCredentials(url, values["client_id"], values["client_secret"], in_body=True)


def _search(at: Position, limit: int) -> dict[str, str]:
    conditions = ["state=requested"] if at.is_first else []
    if at.since:
        conditions.append(f"sys_updated_on>={at.since.strftime(QUERY_TIME)}")
    conditions += ["ORDERBYsys_updated_on", "ORDERBYsys_id"]
    size = str(max(1, min(limit, LARGEST_PAGE)))
    asked = {"sysparm_query": "^".join(conditions), "sysparm_limit": size}
    return {**asked, "sysparm_offset": at.token} if at.token else asked


def _next_offset(answer: Answer, at: Position) -> str | None:
    """Return how far into the same question the next page is, or None after the last one."""
    if answer.next_link is None:
        return None
    told = parse_qs(urlsplit(answer.next_link).query).get("sysparm_offset", [""])[0]
    if not told.isdecimal() or int(told) <= int(at.token or 0):
        raise ConnectorError("ServiceNow's next link leads nowhere.", kind=Kind.BAD_ANSWER)
    return told


def _text(row: dict[str, Any], name: str, *, part: str = "value") -> str:
    """Return what the database has in a field; "" where the account may not see it."""
    value = row.get(name)
    value = value.get(part) if isinstance(value, dict) else value
    return str(value).strip() if value is not None else ""


def _person(row: dict[str, Any], name: str) -> Person | None:
    identity = _text(row, name)
    if not identity:
        return None
    return Person(
        id=identity,
        email=_text(row, f"{name}.email") or None,
        name=_text(row, f"{name}.name") or _text(row, name, part="display_value") or None,
        manager=_text(row, f"{name}.manager.email") or None,
    )
