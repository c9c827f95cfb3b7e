"""A ServiceNow with approvals, as far as its Table API shows; knows nothing of the connector.

It keeps its rules: what is not valid in a query is ignored, a limit is applied before rows that the
account may not see are left out, times are UTC (but shown in the account's zone), a late decision
overwrites an earlier one, and a document changes without its approvals. `decisions` tells what was
written about each approval, by whom and how often.
"""

import base64
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.mirroring.emulators import faults
from tests.mirroring.emulators.server import Asked, Emulator, Said
from tests.mirroring.emulators.servicenow_table import Approval, Decision, Table

ACCOUNTS = {"sayso.integration": "sayso-password"}
CLIENTS = {"sayso-client": "sayso-client-secret"}
APPROVALS = "/api/now/table/sysapproval_approver"
ONE = re.compile(r"/api/now/table/([a-z0-9_]+)/([^/]+)")
DECISIONS = ("approved", "rejected")
TIME = "%Y-%m-%d %H:%M:%S"
ZONE = timedelta(hours=-7)  # of the account: what display values of times are in
EQUAL_WITHIN = timedelta(minutes=1)
TOKEN_LIFETIME = 1799


@dataclass
class User:
    """A row of sys_user."""

    sys_id: str
    user_name: str
    name: str
    email: str
    manager: str = ""


@dataclass
class Document:
    """What is approved: a requested item."""

    sys_id: str
    number: str
    short_description: str
    description: str
    price: str
    opened_by: str
    work_notes: list[str] = field(default_factory=list)


class ServiceNow(Emulator):
    """Serves on loopback until it is closed. Ids are made from the seed."""

    def __init__(self, *, seed: int = 0) -> None:
        self.table = Table()
        self.documents: dict[str, Document] = {}
        self.users: dict[str, User] = {}
        self.decisions: dict[str, list[Decision]] = {}
        self.tokens: dict[str, str] = {}
        self._random = random.Random(seed)
        self._last_time = ""
        cfo = self.user("cfo", "Cleo Finance", "cfo@corp.example")
        self.alice = self.user("alice", "Alice Approver", "alice@corp.example", manager=cfo)
        self.rita = self.user("rita", "Rita Requester", "rita@corp.example")
        self.user("sayso.integration", "Sayso", "sayso@corp.example")
        super().__init__()

    # -- what people do there ----------------------------------------------------------------------

    def user(self, user_name: str, name: str, email: str, *, manager: str = "") -> str:
        """Make a user, and return their id."""
        sys_id = self._id()
        self.users[sys_id] = User(sys_id, user_name, name, email, manager)
        return sys_id

    def open(
        self,
        title: str,
        *,
        price: str = "",
        details: str = "",
        approver: str = "",
        state: str = "requested",
        is_restricted: bool = False,
        due: str = "",
    ) -> str:
        """Open an approval of a requested item, and return its id."""
        with self.lock:
            late = self.faults.strike(faults.LATE)
            number = f"RITM{len(self.documents) + 1:07}"
            document = Document(self._id(), number, title, details, price, self.rita)
            self.documents[document.sys_id] = document
            now = self._time()
            row = Approval(
                sys_id=self._id(),
                document=document.sys_id,
                approver=approver or self.alice,
                state=state,
                created=now,
                updated=now,
                updated_by="system",
                is_restricted=is_restricted,
                due=due,
            )
            if late is None:
                self.table.put(row)
            else:
                until = self.clock.now() + timedelta(seconds=late["seconds"])
                self.table.hide(row, until=until)
            return row.sys_id

    def decide(self, sys_id: str, state: str, *, by: str = "alice", text: str = "") -> None:
        """Decide an approval, as in ServiceNow's own pages."""
        with self.lock:
            before = self.table.rows[sys_id].state
            made = Decision(state, before, by, self.clock.now(), text)
            self.decisions.setdefault(sys_id, []).append(made)
            self.touch(sys_id, by=by, state=state)

    def touch(self, sys_id: str, *, by: str = "alice", **values: Any) -> None:
        """Change something about an approval, and with it the time of its last change."""
        with self.lock:
            row = self.table.rows[sys_id]
            changed = {"updated": self._time(), "updated_by": by, "mod_count": row.mod_count + 1}
            self.table.change(sys_id, **changed, **values)

    def document_of(self, sys_id: str) -> Document:
        """Return what an approval is about."""
        return self.documents[self.table.rows[sys_id].document]

    def log(self, sys_id: str) -> list[str]:
        """Return what people find written: comments of the approval, work notes of its document."""
        return [*self.table.rows[sys_id].comments, *self.document_of(sys_id).work_notes]

    def _id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def _time(self) -> str:
        now = self.clock.now()
        # A time that is long over would be no equal time, but a wrong one.
        is_near = self._last_time >= (now - EQUAL_WITHIN).strftime(TIME)
        if not (is_near and self.faults.strike(faults.EQUAL_TIMES) is not None):
            self._last_time = now.strftime(TIME)
        return self._last_time

    # -- the API -----------------------------------------------------------------------------------

    def error(self, status: int, message: str, detail: str = "") -> Said:
        content = {"error": {"message": message, "detail": detail or None}, "status": "failure"}
        return Said(status, content)

    def answer(self, asked: Asked) -> Said:
        self.table.reveal(self.clock.now())
        if (asked.method, asked.path) == ("POST", "/oauth_token.do"):
            return self._token(asked.form)
        account = self._account(asked.headers.get("Authorization", ""))
        if account is None:
            if self.faults.strike(faults.EMPTY_FOR_A_BAD_TOKEN) is None:
                detail = "Required to provide Auth information"
                return self.error(401, "User Not Authenticated", detail)
            account = ""
        if (asked.method, asked.path) == ("GET", APPROVALS):
            return self._list(asked, account)
        if (asked.method, asked.path) == ("GET", "/api/now/table/sys_user"):
            return Said(200, {"result": self._who_am_i(asked, account)})
        one = ONE.fullmatch(asked.path)
        return self._one(asked, one[1], one[2], account) if one else self._not_there()

    def _token(self, form: Mapping[str, str]) -> Said:
        secret = CLIENTS.get(form.get("client_id", ""))
        if secret is None or secret != form.get("client_secret"):
            refused = {"error": "access_denied", "error_description": "access_denied"}
            return Said(401, refused)
        if form.get("grant_type") != "client_credentials":
            return Said(400, {"error": "unsupported_grant_type"})
        token = self._id()
        self.tokens[token] = "sayso.integration"
        granted = {"scope": "useraccount", "token_type": "Bearer", "expires_in": TOKEN_LIFETIME}
        return Said(200, {**granted, "access_token": token})

    def _account(self, header: str) -> str | None:
        kind, _, proof = header.partition(" ")
        if kind == "Bearer":
            return self.tokens.get(proof)
        name, _, password = base64.b64decode(proof).decode().partition(":")
        return name if kind == "Basic" and ACCOUNTS.get(name) == password else None

    def _not_there(self) -> Said:
        detail = "Record doesn't exist or ACL restricts the record retrieval"
        return self.error(404, "No Record found", detail)

    def _who_am_i(self, asked: Asked, account: str) -> list[dict[str, Any]]:
        users = list(self.users.values())
        if asked.query.get("sysparm_query") == "sys_id=javascript:gs.getUserID()":
            users = [user for user in users if user.user_name == account]
        found = users[: int(asked.query.get("sysparm_limit", 10_000))] if account else []
        return [_shown(vars(user), asked.query) for user in found]

    def _list(self, asked: Asked, account: str) -> Said:
        state, since = self._conditions(asked.query.get("sysparm_query", ""))
        limit = int(asked.query.get("sysparm_limit", 10_000))
        offset = int(asked.query.get("sysparm_offset", 0))
        if not account:
            return Said(200, {"result": []}, {"X-Total-Count": "0"})
        rows, total = self.table.page(state, since, offset, limit)
        short = self.faults.strike(faults.SHORT_PAGE)
        if short is not None:
            rows = rows[: short["rows"]]
        after = offset + len(rows)
        seen = [row for row in rows if not row.is_restricted]
        result = [self._row(row, asked.query) for row in seen]
        self._meanwhile(seen)
        headers = {"X-Total-Count": str(total)}
        if after < total:
            headers["Link"] = ",".join(self._links(asked, after, total, limit))
        return Said(200, {"result": result}, headers)

    def _conditions(self, query: str) -> tuple[str | None, str]:
        """Return what of a query is valid; the rest is ignored, as ServiceNow does."""
        state, since = None, ""
        if self.faults.strike(faults.QUERY_IGNORED) is not None:
            return state, since
        for part in query.split("^"):
            if part.startswith("state="):
                state = part.removeprefix("state=")
            elif re.fullmatch(r"sys_updated_on>=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", part):
                since = part.removeprefix("sys_updated_on>=")
        return state, since

    def _links(self, asked: Asked, after: int, total: int, limit: int) -> Iterator[str]:
        last = (total - 1) // limit * limit
        for rel, offset in (("first", 0), ("next", after), ("last", last)):
            query = urlencode({**asked.query, "sysparm_offset": str(offset)})
            yield f'<{self.url}{APPROVALS}?{query}>;rel="{rel}"'

    def _meanwhile(self, rows: Iterable[Approval]) -> None:
        """Let happen what happens between a list and a decision."""
        pending = [row for row in rows if row.state == "requested"]
        if pending and self.faults.strike(faults.CHANGED_AMOUNT) is not None:
            chosen = self.faults.random.choice(pending)
            document = self.documents[chosen.document]
            dearer = replace(document, price=f"{self.faults.random.randint(1, 10**6)}.25")
            self.documents[chosen.document] = dearer
        if pending and self.faults.strike(faults.DECIDED_ELSEWHERE) is not None:
            chosen = self.faults.random.choice(pending)
            self.decide(chosen.sys_id, self.faults.random.choice(DECISIONS), by="bob")

    def _one(self, asked: Asked, table: str, sys_id: str, account: str) -> Said:
        if not account:
            return self._not_there()
        if table == "sysapproval_approver":
            row = self.table.rows.get(sys_id)
            if row is None or row.is_restricted or sys_id in self.table.hidden:
                return self._not_there()
            if asked.method == "PATCH":
                return self._patch(row, asked, account)
            return Said(200, {"result": self._row(row, asked.query)})
        document = self.documents.get(sys_id) if table == "sc_req_item" else None
        if document is None:
            return self._not_there()
        if asked.method == "PATCH":
            document.work_notes.append(asked.json["work_notes"])
            return self.done(Said(200, {"result": {"sys_id": sys_id}}))
        notes = _journal(document.work_notes, "Work notes")
        return Said(200, {"result": _shown({"sys_id": sys_id, "work_notes": notes}, asked.query)})

    def _patch(self, row: Approval, asked: Asked, account: str) -> Said:
        said = asked.json
        if self.faults.strike(faults.WRITE_IGNORED) is None:
            if said.get("comments"):
                row.comments.append(said["comments"])
            if "state" in said:
                text = said.get("comments", "")
                self.decide(row.sys_id, said["state"], by=account, text=text)
            else:
                self.touch(row.sys_id, by=account)
        return self.done(Said(200, {"result": self._row(row, asked.query)}))

    def _row(self, row: Approval, query: Mapping[str, str]) -> dict[str, Any]:
        approver, document = self.users[row.approver], self.documents[row.document]
        manager, opener = self.users.get(approver.manager), self.users[document.opened_by]
        return _shown(
            {
                "sys_id": row.sys_id,
                "state": (row.state, row.state.capitalize()),
                "approver": (approver.sys_id, approver.name),
                "approver.email": approver.email,
                "approver.name": approver.name,
                "approver.manager.email": manager.email if manager else "",
                "sysapproval": (document.sys_id, document.number),
                "sysapproval.number": document.number,
                "sysapproval.short_description": document.short_description,
                "sysapproval.description": document.description,
                "sysapproval.opened_by": (opener.sys_id, opener.name),
                "sysapproval.opened_by.email": opener.email,
                "sysapproval.opened_by.name": opener.name,
                "sysapproval.ref_sc_req_item.price": (
                    document.price,
                    f"${float(document.price):,.2f}" if document.price else "",
                ),
                "document_id": (document.sys_id, f"Requested Item: {document.number}"),
                "source_table": "sc_req_item",
                "due_date": _moment(row.due),
                "comments": _journal(row.comments, "Comments"),
                "sys_created_on": _moment(row.created),
                "sys_updated_on": _moment(row.updated),
                "sys_updated_by": row.updated_by,
                "sys_mod_count": str(row.mod_count),
            },
            query,
        )


def _shown(values: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that were asked for; unknown ones are left out."""
    asked = query.get("sysparm_fields", "").split(",")
    names = [name for name in asked if name in values] if query.get("sysparm_fields") else values
    found = {}
    for name in names:
        value = values[name]
        real, display = value if isinstance(value, tuple) else (value, value)
        how = query.get("sysparm_display_value", "false")
        both = {"display_value": display, "value": real}
        found[name] = both if how == "all" else display if how == "true" else real
    return found


def _moment(text: str) -> tuple[str, str]:
    if not text:
        return "", ""
    return text, (datetime.strptime(text, TIME) + ZONE).strftime(TIME)  # noqa: DTZ007


def _journal(entries: Iterable[str], name: str) -> tuple[str, str]:
    """Return a field that only takes: what was written into it shows in its display value."""
    return "", "".join(f"2026-11-22 02:30:00 - Sayso ({name})\n{each}\n\n" for each in entries)
