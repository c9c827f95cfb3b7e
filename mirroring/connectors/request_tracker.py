"""Request Tracker 5 over REST 2.0: its tickets of the type "approval".

Facts measured on RT 5.0.3 and relied upon: a search without `Type = 'approval'` hides approvals;
`per_page` is cut to 100 without a word; the order is that of `orderby`, or none; times have whole
seconds, and a search misreads one that ends in "Z"; deleted approvals are in no search; 200 does
not mean decided; a late decision overwrites an earlier one; `If-Match` (the id of the last
transaction) is checked, though not atomically; a note changes the ETag.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from mirroring.connectors.auth import HeaderSecret
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
from mirroring.connectors.http import Answer, Session
from mirroring.connectors.keyset import Position
from mirroring.connectors.outcomes import (
    outcome_before_sending,
    outcome_of_answer,
    outcome_of_error,
    refusal,
    unhealthy,
)
from mirroring.connectors.rows import read_each, read_one
from mirroring.connectors.values import digest_of, read_amount, read_time, redacted

STATES = {
    "new": State.NOT_REQUIRED,  # an earlier stage is open
    "open": State.PENDING,
    "stalled": State.NOT_REQUIRED,
    "resolved": State.APPROVED,
    "rejected": State.REJECTED,
    "deleted": State.CANCELLED,
}
STATUS_OF = {APPROVE.code: "resolved", DENY.code: "rejected"}
LARGEST_PAGE = 100
FIELDS = {
    "fields": "Type,Status,Subject,Owner,Requestor,Created,LastUpdated,Due,CustomFields,"
    "_hyperlinks",
    "fields[Owner]": "EmailAddress,RealName",  # a GET understands this one, not the next
    "fields[Requestor]": "EmailAddress,RealName",
}
NOBODY = ("Nobody", "RT_System")
QUERY_TIME = "%Y-%m-%d %H:%M:%S +0000"  # with an offset: a bare time is in the account's zone
APPROVALS = "/queue/___Approvals"
BELONGS_TO = "depended-on-by"
TOKEN = re.compile(r"1-([0-9]+)-[0-9a-f]+")


class RequestTracker:
    """Approvals of Request Tracker 5."""

    name: ClassVar[str] = "request_tracker"
    title: ClassVar[str] = "Request Tracker 5"
    fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="base_url",
            label="REST 2.0 URL",
            help="As in https://rt.example.com/REST/2.0",
            kind="url",
        ),
        ConfigField(
            name="token",
            label="Token",
            help="Of an account that may see and modify tickets in the approvals queue.",
            kind="secret",
        ),
        ConfigField(
            name="amount_field",
            label="Custom field with the amount",
            help="It reads like 18400.00 EUR. Leave it empty if there is none.",
            required=False,
            default="Amount",
        ),
    )

    def __init__(self, config: Mapping[str, str]) -> None:
        values = checked(self.fields, config)
        self.token, self.amount_field = values["token"], values["amount_field"]
        auth = HeaderSecret(self.token, scheme="token")
        self.session = Session(values["base_url"], auth=auth)
        self._people: dict[str, dict[str, Any]] = {}

    def capabilities(self) -> Capabilities:
        """Return what RT can do."""
        return Capabilities(
            cursor=CursorKind.KEYSET,
            cursor_resolution=1,
            precondition=True,
            note=NoteTime.WITH_DECISION,
            note_once=True,
            list_has_all=False,
        )

    # -- reading -----------------------------------------------------------------------------------

    def check(self) -> Health:
        """Prove that the account sees the queue of approvals, and say how many approvals."""
        try:
            self.session.read(APPROVALS, purpose="get")
            query = {"query": "Type = 'approval'", "per_page": "1"}
            total = self.session.read("/tickets", purpose="get", query=query).json.get("total")
            account = self._account()
        except ConnectorError as error:
            return unhealthy(error, self.session)
        hint = "" if total else "If there are any, grant it ShowTicket on the queue ___Approvals."
        return Health(
            ok=True,
            account=account,
            detail=f"The account sees {total or 'no'} approvals.",
            clock_skew=self.session.skew,
            how_to_fix=hint,
        )

    def _account(self) -> str:
        found = TOKEN.fullmatch(self.token)  # its second part is the id of the user
        said = self._user(found[1]) if found else {}
        return str(said.get("EmailAddress") or said.get("Name") or "")

    def _user(self, name: str) -> dict[str, Any]:
        answer = self.session.send("GET", f"/user/{quote(name, safe='')}", purpose="get")
        said = answer.json_or_none
        return said if answer.status == 200 and isinstance(said, dict) else {}

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return what is pending, and after that what changed: decided approvals, too."""
        at = Position.read(cursor)
        said = self.session.read("/tickets", purpose="list", query=_search(at, limit)).json
        if at.started is None:
            at = replace(at, started=self.session.now())
        items, skipped = read_each(_items(said), self._item, id_name="id")
        times = [item.updated for item in items]
        more = bool(said.get("next_page"))
        following = at.follow(times) if more else at.finish(times, now=self.session.now())
        return Page(
            items=tuple(items),
            cursor=following.write() if following else None,
            complete=not more,
            skipped=skipped,
        )

    def get(self, ref: str) -> Item:
        """Return one approval with its text, and who decided it."""
        ticket, _ = self._ticket(ref)
        return self._whole(ticket)

    def _ticket(self, ref: str) -> tuple[dict[str, Any], Answer]:
        if not re.fullmatch(r"[0-9]{1,18}", ref):
            raise Gone(f"{ref!r} is not the id of a ticket")
        answer = self.session.read(f"/ticket/{ref}", purpose="get", query=FIELDS)
        ticket = answer.json
        if not isinstance(ticket, dict) or ticket.get("Type") != "approval":
            raise Gone(f"ticket {ref} is not an approval", status=answer.status)
        if str(ticket.get("id")) != ref:
            raise Gone(f"ticket {ref} was merged into another", status=answer.status)
        return ticket, answer

    def _whole(self, ticket: dict[str, Any]) -> Item:
        ref = str(ticket["id"])
        texts = [text for text in self._texts(ref) if text.strip()]
        more: dict[str, Any] = {"description": texts[0].strip() if texts else None}
        if STATES.get(ticket["Status"]) in (State.APPROVED, State.REJECTED):
            more |= self._decision(ref)
        item = self._readable(ticket, **more)
        return replace(item, requester=item.requester and self._known(item.requester))

    def _known(self, person: Person) -> Person:
        """Return a person with their address: GET expands the owner alone, unlike a search."""
        if person.email:
            return person
        if person.id not in self._people:
            self._people[person.id] = self._user(person.id)
        found = next(_people([{**self._people[person.id], "id": person.id}]), person)
        return replace(person, email=found.email, name=found.name)

    def _readable(self, ticket: dict[str, Any], **more: Any) -> Item:
        return read_one(ticket, partial(self._item, **more), ref=str(ticket.get("id")))

    def _texts(self, ref: str) -> Iterator[str]:
        """Yield what is written on a ticket, the request itself first."""
        for each in self._all(f"/ticket/{ref}/attachments", {"fields": "Content"}):
            if isinstance(each.get("Content"), str):
                yield each["Content"]

    def _all(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        for page in range(1, 11):  # a thousand entries; no approval has as many
            asked = {**query, "per_page": str(LARGEST_PAGE), "page": str(page)}
            found = _items(self.session.read(path, purpose="get", query=asked).json)
            yield from found
            if len(found) < LARGEST_PAGE:
                return

    def _decision(self, ref: str) -> dict[str, Any]:
        """Return who decided by the ticket's history, and whether two did."""
        wanted = {"fields": "Type,Creator,OldValue,NewValue"}
        history = self._all(f"/ticket/{ref}/history", wanted)
        moves = [each for each in history if each.get("Type") == "Status"]
        decisions = [each for each in moves if each["NewValue"] in STATUS_OF.values()]
        openings = sum(each["NewValue"] == "open" for each in moves)
        if not decisions:
            return {}
        who = decisions[-1]["Creator"]
        return {
            "decided_by": Person(id=str(who["id"])),
            "is_contested": len(decisions) > max(openings, 1),
        }

    def _item(self, ticket: dict[str, Any], **more: Any) -> Item:
        status, updated = ticket["Status"], read_time(ticket["LastUpdated"])
        approvers = tuple(_people([ticket["Owner"]]))
        requester = next(iter(_people(ticket["Requestor"])), None)
        custom = {each["name"]: each["values"] for each in ticket.get("CustomFields") or []}
        amount, currency = read_amount(next(iter(custom.get(self.amount_field, [])), None))
        material = {
            "title": ticket["Subject"],
            "approvers": sorted(person.id for person in approvers),
            "requester": requester and requester.id,
            "fields": custom,
            "due": read_time(ticket.get("Due")),
        }
        digest = digest_of(material)
        return Item(
            external_id=str(ticket["id"]),
            revision=f"{ticket['LastUpdated']} {status} {digest[:16]}",
            state=STATES.get(status, State.UNKNOWN),
            title=ticket["Subject"],
            approvers=approvers,
            requester=requester,
            summary=tuple(_summary(ticket, custom)),
            amount=amount,
            currency=currency,
            due=material["due"],
            url=self._page(str(ticket["id"])),
            created=read_time(ticket["Created"]),
            updated=updated,
            material_digest=digest,
            raw=redacted(ticket),
            **more,
        )

    def _page(self, ref: str) -> str:
        web = self.session.base_url.removesuffix("/REST/2.0")
        return f"{web}/Approvals/Display.html?id={ref}"

    # -- writing -----------------------------------------------------------------------------------

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Name the person in a note, then decide, if nothing else happened in between.

        The note comes first because RT mails what was written before a decision to the requester.
        """
        option = option_of((APPROVE, DENY), choice)
        try:
            ticket, _ = self._ticket(ref)
            before = self._readable(ticket)
            refused = refusal(before, option, comment=comment, expected=expected)
            if refused:
                return refused
            text = statement(option=option, actor=actor, comment=comment, key=key)
            self._write(ref, "correspond", text, marker=key)
            ticket, answer = self._ticket(ref)
            after = self._readable(ticket)
        except ConnectorError as error:
            return outcome_before_sending(error)
        if after.state != State.PENDING or after.material_digest != before.material_digest:
            detail = "It changed while the note was written."
            return Outcome(result=Result.CONFLICT, detail=detail)
        return self._put(ref, STATUS_OF[choice], answer.etag)

    def _put(self, ref: str, status: str, etag: str | None) -> Outcome:
        headers = {"If-Match": etag} if etag else {}
        body = {"Status": status}
        path = f"/ticket/{ref}"
        try:
            answer = self.session.send("PUT", path, purpose="decide", headers=headers, body=body)
        except ConnectorError as error:
            return outcome_of_error(error)
        outcome = outcome_of_answer(answer)
        if outcome.result != Result.APPLIED:
            return outcome
        try:  # 200 proves nothing, and its text is in the account's language
            observed, _ = self._ticket(ref)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, detail=str(error))
        if observed.get("Status") != status:
            return Outcome(result=Result.FORBIDDEN, detail=f"RT said: {answer.excerpt}")
        same = answer.json_or_none == []
        return Outcome(
            result=Result.ALREADY_SAME if same else Result.APPLIED, detail=answer.excerpt
        )

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Write a comment that only staff sees, once."""
        return self._write(ref, "comment", f"{text}\n\n[{marker}]", marker=marker)

    def _write(self, ref: str, how: str, text: str, *, marker: str) -> bool:
        if any(f"[{marker}]" in each for each in self._texts(ref)):
            return False
        body = {"Content": text, "ContentType": "text/plain"}
        answer = self.session.send("POST", f"/ticket/{ref}/{how}", purpose="note", body=body)
        failure = answer.failure()
        if failure is not None:
            raise failure
        return True


def _search(at: Position, limit: int) -> list[tuple[str, str]]:
    query = "Type = 'approval'"
    if at.is_first:
        query += " AND Status = 'open'"
    if at.since:
        query += f" AND LastUpdated >= '{at.since.strftime(QUERY_TIME)}'"
    order = [("orderby", "LastUpdated"), ("order", "ASC"), ("orderby", "id"), ("order", "ASC")]
    size = str(max(1, min(limit, LARGEST_PAGE)))
    return [
        ("query", query),
        *FIELDS.items(),
        *order,
        ("per_page", size),
        ("page", str(at.page)),
    ]


def _items(said: Any) -> list[dict[str, Any]]:
    items = said.get("items") if isinstance(said, dict) else None
    if not isinstance(items, list):
        raise ConnectorError("RT answered without items.", kind=Kind.BAD_ANSWER)
    return items


def _people(users: list[dict[str, Any]]) -> Iterator[Person]:
    for user in users:
        if str(user["id"]) not in NOBODY:
            email, name = user.get("EmailAddress"), user.get("RealName")
            yield Person(id=str(user["id"]), email=email or None, name=name or None)


def _summary(ticket: dict[str, Any], custom: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    for name, values in custom.items():
        if values:
            yield name, ", ".join(map(str, values))
    for link in ticket.get("_hyperlinks") or []:
        if link.get("ref") == BELONGS_TO:
            yield "Request", f"#{link['id']}"
