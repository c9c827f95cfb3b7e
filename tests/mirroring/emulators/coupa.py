"""A Coupa with requisitions to approve, as far as its Core API shows; knows no connector.

It keeps its rules: fifty at a time, decimals are strings, times are in its own zone, `[]` for
nothing, a decision only while an approval is pending, and a document that changes without its
approvals. `decisions` tells what was written about each approval, by whom and how often.
"""

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.mirroring.emulators import faults
from tests.mirroring.emulators.server import Asked, Emulator, Said

CLIENTS = {"sayso-client": "sayso-client-secret"}
LARGEST_PAGE = 50
STATUSES = {"approve": "approved", "reject": "rejected", "hold": "on_hold"}
ACT = re.compile(r"/api/approvals/(\d+)/(approve|reject|hold)")
ONE = re.compile(r"/api/(approvals|requisitions|users)/(\d+)")
ALL = re.compile(r"/api/(approvals|requisitions|users)")
ZONE = timezone(timedelta(hours=-8))
SCOPE_OF = {"approvals": "approval", "requisitions": "requisition", "users": "user"}


@dataclass(frozen=True)
class Decision:
    """One that was written: over which status, by whom, and when."""

    status: str
    before: str
    by: str
    at: datetime
    text: str = ""


class Coupa(Emulator):
    """Serves on loopback until it is closed. `scopes` are those that a client may ask for."""

    def __init__(self, *, seed: int = 0) -> None:
        self.approvals: dict[int, dict[str, Any]] = {}
        self.requisitions: dict[int, dict[str, Any]] = {}
        self.users: dict[int, dict[str, Any]] = {}
        self.decisions: dict[int, list[Decision]] = {}
        self.tokens: dict[str, set[str]] = {}
        self.scopes = {
            "core.approval.read",
            "core.approval.write",
            "core.requisition.read",
            "core.user.read",
        }
        self._random = random.Random(seed)
        self._hidden: dict[int, datetime] = {}
        self._last_time = ""
        cfo = self.user("cfo", "Cleo", "Finance")
        self.alice = self.user("alice", "Alice", "Approver", manager=cfo)
        self.rita = self.user("rita", "Rita", "Requester")
        super().__init__()

    # -- what people do there ----------------------------------------------------------------------

    def user(self, login: str, first: str, last: str, *, manager: int = 0) -> int:
        """Make a user, and return their id."""
        number = len(self.users) + 3
        self.users[number] = {
            "id": number,
            "login": login,
            "email": f"{login}@corp.example",
            "employee-number": None,
            "firstname": first,
            "lastname": last,
            "fullname": f"{first} {last}",
            "manager": self._shallow(manager) if manager else None,
        }
        return number

    def _shallow(self, user: int) -> dict[str, Any]:
        return {name: value for name, value in self.users[user].items() if name != "manager"}

    def open(self, title: str, *, total: str = "0.00", kind: str = "RequisitionHeader") -> int:
        """Open an approval of a requisition with one line, and return its id."""
        with self.lock:
            now, late = self._time(), self.faults.strike(faults.LATE)
            document = 2696 + len(self.requisitions)
            self.requisitions[document] = {
                "id": document,
                "status": "pending_approval",
                "justification": "",
                "need-by-date": None,
                "total": total,
                "currency": {"id": 1, "code": "EUR", "decimals": 2},
                "requested-by": self._shallow(self.rita),
                "requisition-lines": [{"id": document * 10, "description": title}],
            }
            number = 12622 + len(self.approvals)
            self.approvals[number] = {
                "id": number,
                "created-at": now,
                "updated-at": now,
                "position": 1,
                "approval-chain-id": number,
                "status": "pending_approval",
                "approval-date": None,
                "note": None,
                "type": "ManagementHierarchyApproval",
                "approvable-type": kind,
                "approvable-id": document,
                "approver-type": "User",
                "approver": self._shallow(self.alice),
                "delegate": None,
                "approved-by": None,
                "holdable": True,
                "reasons": [],
            }
            if late is not None:
                self._hidden[number] = self.clock.now() + timedelta(seconds=late["seconds"])
            return number

    def decide(self, number: int, status: str, *, by: str = "alice", text: str = "") -> None:
        """Decide an approval, as in Coupa's own pages."""
        with self.lock:
            row = self.approvals[number]
            made = Decision(status, row["status"], by, self.clock.now(), text)
            self.decisions.setdefault(number, []).append(made)
            known = [user for user in self.users.values() if user["login"] == by]
            who = known[0] if known else {"id": 9464, "login": by, "fullname": by}
            self.touch(number, **{"status": status, "note": text or None, "approved-by": who})

    def touch(self, number: int, **values: Any) -> None:
        """Change something about an approval, and with it the time of its last change."""
        with self.lock:
            before = self.approvals[number]["updated-at"]
            now = self._time()
            if not values and now <= before:  # a clock with whole seconds hides a quick change
                now = (datetime.fromisoformat(before) + timedelta(seconds=1)).isoformat()
            self.approvals[number] |= {"updated-at": now, **values}

    def document_of(self, number: int) -> dict[str, Any]:
        """Return what an approval is about."""
        return self.requisitions[self.approvals[number]["approvable-id"]]

    def _time(self) -> str:
        if not (self._last_time and self.faults.strike(faults.EQUAL_TIMES) is not None):
            self._last_time = self.clock.now().astimezone(ZONE).isoformat()
        return self._last_time

    # -- the API -----------------------------------------------------------------------------------

    def error(self, status: int, message: str, detail: str = "") -> Said:
        return Said(status, {"errors": {"base": [message]}})

    def answer(self, asked: Asked) -> Said:
        if (asked.method, asked.path) == ("POST", "/oauth2/token"):
            return self._token(asked.form)
        scopes = self.tokens.get(asked.headers.get("Authorization", "").removeprefix("Bearer "))
        if scopes is None:
            if self.faults.strike(faults.EMPTY_FOR_A_BAD_TOKEN) is None:
                return self.error(401, "Invalid or expired token")
            is_list = ALL.fullmatch(asked.path)
            return Said(200, []) if is_list else self.error(404, "No results match your search")
        act = ACT.fullmatch(asked.path)
        if act and asked.method == "PUT":
            is_allowed = "core.approval.write" in scopes
            return self._act(int(act[1]), act[2], asked) if is_allowed else self._forbidden()
        one, every = ONE.fullmatch(asked.path), ALL.fullmatch(asked.path)
        found = one or every
        if not found or asked.method != "GET":
            return self.error(404, "Not found")
        if f"core.{SCOPE_OF[found[1]]}.read" not in scopes:
            return self._forbidden()
        rows = self._rows(found[1])
        if one:
            row = rows.get(int(one[2]))
            shown = _shown([row], asked.query)[0] if row else None
            return Said(200, shown) if row else self.error(404, "No results match your search")
        return Said(
            200, self._page(rows.values(), asked.query, is_approvals=found[1] == "approvals")
        )

    def _token(self, form: Mapping[str, str]) -> Said:
        client = form.get("client_id", "")
        if client not in CLIENTS or form.get("client_secret") != CLIENTS[client]:
            return Said(401, {"error": "invalid_client"})
        if form.get("grant_type") != "client_credentials" or not form.get("scope"):
            return Said(400, {"error": "invalid_scope"})
        token = f"{self._random.getrandbits(128):032x}"
        self.tokens[token] = self.scopes & set(form["scope"].split())
        granted = {"token_type": "bearer", "expires_in": 86399, "scope": form["scope"]}
        return Said(200, {"access_token": token, **granted})

    def _forbidden(self) -> Said:
        return self.error(403, "You are not authorized to perform this action")

    def _rows(self, name: str) -> dict[int, dict[str, Any]]:
        if name != "approvals":
            return self.requisitions if name == "requisitions" else self.users
        now = self.clock.now()
        hidden = {number for number, until in self._hidden.items() if until > now}
        return {number: row for number, row in self.approvals.items() if number not in hidden}

    def _page(
        self, rows: Iterable[dict[str, Any]], query: Mapping[str, str], *, is_approvals: bool
    ) -> list[dict[str, Any]]:
        found = list(rows)
        if not (is_approvals and self.faults.strike(faults.QUERY_IGNORED) is not None):
            found = [row for row in found if _fits(row, query)]
        if query.get("order_by") == "updated_at":
            found.sort(key=lambda row: (datetime.fromisoformat(row["updated-at"]), row["id"]))
        offset = int(query.get("offset", 0))
        size = min(int(query.get("limit", LARGEST_PAGE)), LARGEST_PAGE)
        short = self.faults.strike(faults.SHORT_PAGE) if is_approvals else None
        page = found[offset : offset + (short["rows"] if short else size)]
        shown = json.loads(json.dumps(_shown(page, query)))
        self._meanwhile(page)
        return shown

    def _meanwhile(self, rows: Iterable[dict[str, Any]]) -> None:
        """Let happen what happens between a list and a decision."""
        pending = [row for row in rows if row.get("status") == "pending_approval"]
        documents = [row for row in pending if "total" in row]
        if documents and self.faults.strike(faults.CHANGED_AMOUNT) is not None:
            chosen = self.faults.random.choice(documents)
            chosen["total"] = f"{self.faults.random.randint(1, 10**6)}.25"
        if pending and not documents and self.faults.strike(faults.DECIDED_ELSEWHERE) is not None:
            chosen = self.faults.random.choice(pending)
            status = self.faults.random.choice(["approved", "rejected"])
            self.decide(chosen["id"], status, by="bob")

    def _act(self, number: int, verb: str, asked: Asked) -> Said:
        row = self._rows("approvals").get(number)
        if row is None:
            return self.error(404, "No results match your search")
        if row["status"] != "pending_approval":
            return Said(400, {"errors": {"approval": ["Approval is not pending"]}})
        if self.faults.strike(faults.WRITE_IGNORED) is None:
            text = asked.query.get("reason", "")
            self.decide(number, STATUSES[verb], by="sayso-client", text=text)
        return self.done(Said(200, self.document_of(number)))


def _fits(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    if "status" in query and row.get("status") != query["status"]:
        return False
    since = query.get("updated_at[gt_or_eq]")
    if since and datetime.fromisoformat(row["updated-at"]) < datetime.fromisoformat(since):
        return False
    return "id[in]" not in query or str(row["id"]) in query["id[in]"].split(",")


def _shown(rows: Iterable[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    fields = json.loads(query["fields"]) if "fields" in query else None
    return [_cut(row, fields) if fields else row for row in rows]


def _cut(value: Any, fields: list[Any]) -> Any:
    """Return of a record what was asked for, names or names with names below."""
    if isinstance(value, list):
        return [_cut(each, fields) for each in value]
    if not isinstance(value, dict):
        return value
    cut: dict[str, Any] = {}
    for field in fields:
        if isinstance(field, str):
            cut |= {field: value[field]} if field in value else {}
        else:
            below = {name: _cut(value[name], each) for name, each in field.items() if name in value}
            cut |= below
    return cut
