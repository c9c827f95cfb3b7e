"""Coupa over its Core API: approvals of requisitions, invoices, expense reports and orders.

Facts relied upon, from Coupa's documentation. ("Approvals API", with its example calls:) approve
and reject are PUTs with `?reason=`, kept as `note`, and valid only while the approval is pending;
amount and requester are on the approvable. ("Querying Options", "Arguments":) `id[in]`,
`updated_at[gt_or_eq]`, dashes become underscores in a query, 50 at a time by `offset`.
("Alternative to return_object":) `fields` says what of a document is wanted. ("Differences between
XML and JSON":) no results are `[]`, decimals are strings. ("Exception Handling":) 25 requests a
second. ("Set Up an OpenID Connect Client":) credentials go into the body, with the scopes.

What a decision answers is the approvable, so the approval is read again. An approvable changes
without its approval: a revision contains the digest. Documents are asked for by the page, once for
each of their types, and are kept for the length of a pass; get() always asks anew. To put on hold
is not offered: it is no decision.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote_plus

from mirroring.connectors.auth import ClientCredentials
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
    Outcome,
    Page,
    Person,
    Result,
    State,
    option_of,
    statement,
)
from mirroring.connectors.config import checked
from mirroring.connectors.http import Session
from mirroring.connectors.keyset import Position
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
    "pending_approval": State.PENDING,
    "approved": State.APPROVED,
    "rejected": State.REJECTED,
    "cancelled": State.CANCELLED,
    "withdrawn": State.CANCELLED,
    "escalated": State.NOT_REQUIRED,  # another is asked now
    "on_hold": State.NOT_REQUIRED,
    "skipped": State.NOT_REQUIRED,
}
VERBS = {APPROVE.code: "approve", DENY.code: "reject"}
REFUSED = (400, 406, 409, 422)  # with any of these Coupa says no, whatever the reason
LARGEST_PAGE = 50
LONGEST_COMMENT = 500
LONGEST_REASON = 1600  # as it stands in the URL, where a character may take twelve
LINES_SHOWN = 50
MOST_KEPT = 2000
APPROVALS = "/api/approvals"
USERS = "/api/users"
SCOPES = (
    "core.approval.read core.approval.write core.requisition.read core.invoice.read "
    "core.expense.read core.purchase_order.read core.user.read"
)


@dataclass(frozen=True)
class Kept:
    """Where documents of a type are, in the API and (`page`) on the web, and their parts' names."""

    path: str
    subject: str
    lines: str
    requester: str = "requested-by"
    amount: str = "total"
    page: str = ""

    @property
    def label(self) -> str:
        """Return what a person calls one of them."""
        return self.path.removesuffix("s").replace("_", " ").capitalize()

    @property
    def fields(self) -> str:
        """Return what is wanted of a document: all of it can be megabytes."""
        person = {self.requester: ["id", "login", "email", "fullname"]}
        lines, currency = {self.lines: ["description"]}, {"currency": ["code"]}
        plain = ("id", self.subject, "need-by-date", self.amount)
        return json.dumps([*plain, currency, person, lines])


DOCUMENTS = {
    "RequisitionHeader": Kept(
        "requisitions", "justification", "requisition-lines", page="requisition_headers"
    ),
    "ExpenseReport": Kept("expense_reports", "title", "expense-lines", "expensed-by"),
    "InvoiceHeader": Kept("invoices", "invoice-number", "invoice-lines", amount="gross-total"),
    "OrderHeader": Kept(
        "purchase_orders", "po-number", "order-lines", "created-by", page="order_headers"
    ),
}


class Coupa:
    """Approvals in Coupa."""

    name: ClassVar[str] = "coupa"
    title: ClassVar[str] = "Coupa"
    fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="base_url",
            label="URL of the instance",
            help="As in https://example.coupahost.com",
            kind="url",
        ),
        ConfigField(
            name="client_id",
            label="Client ID",
            help="The identifier of an OAuth2/OpenID Connect client with the grant "
            "'Client credentials'.",
        ),
        ConfigField(name="client_secret", label="Client secret", kind="secret"),
        ConfigField(
            name="scopes",
            label="Scopes",
            help="Those that the client was given, with spaces between them.",
            required=False,
            default=SCOPES,
        ),
    )

    def __init__(self, config: Mapping[str, str]) -> None:
        self.config = checked(self.fields, config)
        base = self.config["base_url"].rstrip("/")
        auth = ClientCredentials(
            f"{base}/oauth2/token",
            self.config["client_id"],
            self.config["client_secret"],
            scope=" ".join((self.config["scopes"] or SCOPES).split()),
            in_body=True,
        )
        self.session = Session(base, auth=auth)
        self._documents: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._managers: dict[str, str | None] = {}

    def capabilities(self) -> Capabilities:
        """Return what Coupa can do."""
        return Capabilities(
            cursor=CursorKind.KEYSET,
            cursor_resolution=1,
            note=NoteTime.WITH_DECISION,
            comment_max=LONGEST_COMMENT,
        )

    # -- reading -----------------------------------------------------------------------------------

    def check(self) -> Health:
        """Prove that the client is accepted and sees something."""
        try:
            rows = self._read(APPROVALS, list, {"limit": "1"})
            if not rows:
                self._prove()
        except ConnectorError as error:
            return unhealthy(error, self.session)
        hint = "" if rows else "If there are any, give the client the scope core.approval.read."
        return Health(
            ok=True,
            account=self.config["client_id"],
            detail=f"The client sees {'' if rows else 'no '}approvals.",
            clock_skew=self.session.skew,
            how_to_fix=hint,
        )

    def _prove(self) -> None:
        """Raise ConnectorError if even users cannot be seen, of which there are always some."""
        if not self._read(USERS, list, {"limit": "1", "fields": '["id"]'}):
            message = "Coupa answers, but the client sees nothing at all, not even users."
            raise ConnectorError(message, kind=Kind.FORBIDDEN, permanent=True)

    def _read(
        self, path: str, kind: type, query: Mapping[str, str], *, purpose: str = "get"
    ) -> Any:
        return content_of(self.session.read(path, purpose=purpose, query=query), kind)

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return what is pending, and after that what changed: decided approvals, too."""
        at = Position.read(cursor)
        rows = self._read(APPROVALS, list, _search(at, limit), purpose="list")
        if at.started is None:
            if at.is_first and not rows:
                self._prove()
            at = replace(at, started=self.session.now())
            self._documents.clear()
        self._fetch(rows)
        items, skipped = read_each(rows, self._item, id_name="id")
        asked_for = [item for item in items if at.asks_for(item.updated)]
        if not rows:  # a short page is not the last
            following = at.finish([], now=self.session.now())
        else:
            times = [*(item.updated for item in items), *(None for _ in skipped)]
            following = at.follow_doubting(times)
        wanted = [item for item in asked_for if item.state == State.PENDING or not at.is_first]
        return Page(
            items=tuple(wanted),
            cursor=following.write() if following else None,
            complete=not rows,
            skipped=skipped,
        )

    def get(self, ref: str) -> Item:
        """Return one approval, with its document as it is now."""
        if not re.fullmatch(r"[0-9]{1,18}", ref):
            raise Gone(f"{ref[:40]!r} is not the id of an approval")
        try:
            row = self._read(f"{APPROVALS}/{ref}", dict, {})
        except Gone:
            self._prove()  # to whom sees nothing everything is gone
            raise
        if str(row.get("id")) != ref:
            raise Gone(f"approval {ref} is answered with another")
        self._documents.pop(_document_of(row), None)
        self._fetch([row])
        return read_one(row, self._item, ref=ref)

    def _fetch(self, rows: Iterable[Any]) -> None:
        """Ask for the documents and the managers that rows name: once for each type of them."""
        named = [row for row in rows if isinstance(row, dict)]
        if len(self._documents) > MOST_KEPT:
            self._documents.clear()
        wanted = {_document_of(row) for row in named} - self._documents.keys()
        for kind in sorted({kind for kind, _ in wanted} & DOCUMENTS.keys()):
            ids = sorted(ref for of, ref in wanted if of == kind and ref.isdecimal())
            found = self._found(f"/api/{DOCUMENTS[kind].path}", ids, DOCUMENTS[kind].fields)
            self._documents |= {(kind, ref): found.get(ref) for ref in ids}
        users = {person.id for row in named for person in _people(row) if person.email}
        unknown = sorted(users - self._managers.keys())
        managers = self._found(USERS, unknown, '["id",{"manager":["email"]}]')
        self._managers |= {ref: _email(managers.get(ref, {}).get("manager")) for ref in unknown}

    def _found(self, path: str, ids: Sequence[str], fields: str) -> dict[str, dict[str, Any]]:
        """Return records by id; what the client may not see is missing."""
        query = {"id[in]": ",".join(ids), "limit": str(LARGEST_PAGE), "fields": fields}
        rows = self._allowed(path, list, query) if ids else []
        if rows is None:
            return {}
        found = {str(row.get("id")): row for row in rows if isinstance(row, dict)}
        for ref in ids:
            if ref not in found:  # the page was short, or the question not understood
                found[ref] = self._allowed(f"{path}/{ref}", dict, {"fields": fields}) or {}
        return found

    def _allowed(self, path: str, kind: type, query: Mapping[str, str]) -> Any:
        """Return what a read says, or None where the client may not see it."""
        try:
            return self._read(path, kind, query, purpose="list")
        except ConnectorError as error:
            if error.kind not in (Kind.FORBIDDEN, Kind.GONE):
                raise
            return None

    def _item(self, row: Any) -> Item:
        ref, word, updated = str(row["id"]), str(row["status"]), read_time(row["updated-at"])
        if updated is None:
            raise ValueError("it has no time of its last change")
        state = STATES.get(word, State.UNKNOWN)
        kind, number = named = _document_of(row)
        kept, document = DOCUMENTS.get(kind), self._documents.get(named) or {}
        about = _about(kept, document) if kept else {}
        label = f"{kept.label if kept else kind} {number}".strip() or "Approval"
        title = f"{label}: {about['subject']}" if about.get("subject") else label
        approvers = tuple(
            replace(person, manager=self._managers.get(person.id)) for person in _people(row)
        )
        requester = about.get("requester")
        people = {"requester": requester and requester.id, "approvers": [p.id for p in approvers]}
        digest = digest_of({**about, "title": title, **people})
        decider = _person(row.get("approved-by"))
        hidden = [("Document", "not visible to Sayso's client")] if kept and not document else []
        return Item(
            external_id=ref,
            revision=f"{row['updated-at']} {word[:40]} {digest[:32]}",
            state=state,
            title=title,
            details=about.get("details"),
            approvers=approvers,
            requester=requester,
            summary=tuple(hidden),
            amount=about.get("amount"),
            currency=about.get("currency"),
            due=about.get("due"),
            url=f"{self.session.base_url}/{kept.page or kept.path}/{number}" if kept else None,
            created=read_time(row.get("created-at")),
            updated=updated,
            decided_by=decider if state in (State.APPROVED, State.REJECTED) else None,
            material_digest=digest,
            raw=redacted(row),
        )

    # -- writing -----------------------------------------------------------------------------------

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Decide what is as it was judged, with a reason that names the person, and look again."""
        option = option_of((APPROVE, DENY), choice)
        try:
            before = self.get(ref)
        except ConnectorError as error:
            return outcome_before_sending(error)
        refused = refusal(before, option, comment=comment, expected=expected)
        if refused:
            return refused
        query = {"reason": _reason(comment, option=option, actor=actor, key=key)}
        path = f"{APPROVALS}/{ref}/{VERBS[choice]}"
        try:
            answer = self.session.send("PUT", path, purpose="decide", query=query)
        except ConnectorError as error:
            return outcome_of_error(error)
        outcome = outcome_of_answer(answer)
        if answer.status in REFUSED:
            outcome = Outcome(result=Result.ALREADY_SAME, detail=outcome.detail)
        elif outcome.result != Result.APPLIED:
            return outcome
        return outcome_of_look(lambda: self.get(ref), option, outcome)

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Write nothing: an approval has one note, and that is the reason of the decision."""
        return False


def _reason(comment: str, **said: Any) -> str:
    """Return the statement, with as much of the comment as a URL has room for."""
    kept = comment
    while len(quote_plus(text := statement(comment=kept, **said))) > LONGEST_REASON and kept:
        comment = comment[: len(comment) * 4 // 5]
        kept = f"{comment} […]" if comment else ""
    return text


def _search(at: Position, limit: int) -> dict[str, str]:
    asked = {"status": "pending_approval"} if at.is_first else {}
    if at.since:
        asked["updated_at[gt_or_eq]"] = at.since.replace(microsecond=0).isoformat()
    size = str(max(1, min(limit, LARGEST_PAGE)))
    order = {"order_by": "updated_at", "dir": "asc"}
    return {**asked, **order, "limit": size, "offset": str(at.offset)}


def _document_of(row: dict[str, Any]) -> tuple[str, str]:
    return str(row.get("approvable-type") or ""), str(row.get("approvable-id") or "")


def _about(kept: Kept, document: dict[str, Any]) -> dict[str, Any]:
    """Return what is decided about, as the document tells it."""
    amount, _ = read_amount(document.get(kept.amount))
    currency = document.get("currency")
    parts = [part for part in document.get(kept.lines) or [] if isinstance(part, dict)]
    lines = [str(part["description"]) for part in parts if part.get("description")]
    subject = document.get(kept.subject) or (lines[0] if lines else None)
    more = [f"and {len(lines) - LINES_SHOWN} more"] if len(lines) > LINES_SHOWN else []
    return {
        "subject": subject,
        "details": "\n".join([*lines[:LINES_SHOWN], *more]) or None,
        "all_lines": lines,
        "amount": amount,
        "currency": (currency.get("code") or None) if isinstance(currency, dict) else None,
        "requester": _person(document.get(kept.requester)),
        "due": read_time(document.get("need-by-date")),
    }


def _people(row: dict[str, Any]) -> Iterator[Person]:
    """Yield who may decide: the approver, and whoever stands in for them."""
    for each in (row.get("approver"), row.get("delegate")):
        person = _person(each)
        if person:
            yield person


def _person(told: Any) -> Person | None:
    """Return a user; a group has a name and no address."""
    if not isinstance(told, dict) or not told.get("id"):
        return None
    names = " ".join(str(told[part]) for part in ("firstname", "lastname") if told.get(part))
    identity = str(told["id"]) if told.get("login") else f"group {told['id']}"
    name = told.get("fullname") or names or told.get("name")
    return Person(id=identity, email=_email(told), name=name or None)


def _email(told: Any) -> str | None:
    return (told.get("email") or None) if isinstance(told, dict) else None
