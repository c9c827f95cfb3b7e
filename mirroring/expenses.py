"""Reading the expense report of contract §4. Unknown fields are left where they are."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from config.errors import Invalid
from mirroring.connectors.base import Item, Person, State
from mirroring.connectors.values import can_be_written_out, digest_of
from tracks.addresses import NotAnAddress, check_address, same_address
from tracks.transitions import SelfApproval

LONGEST_ID = 255


def read_item(payload: Any) -> Item:
    """Return what a payload says, or raise Invalid with the path of each field that is wrong."""
    reader = _Reader()
    item = _read(reader, payload)
    if reader.errors or item is None:
        raise Invalid(reader.errors[0]["detail"], errors=reader.errors)
    requester = item.requester and item.requester.email
    if requester and same_address(requester, str(item.approvers[0].email)):
        raise SelfApproval("approver.email_addr")
    # 750.50 and 750.5 are shown as they were written, and are the same amount.
    same = _read(_Reader(is_exact=False), payload)
    digest = _digest(same) if same else ""
    return replace(item, revision=digest, material_digest=digest)


def _digest(item: Item) -> str:
    """Return a digest of everything that the approver decides about."""
    return digest_of(
        {
            "external_id": item.external_id,
            "title": item.title,
            "approver": item.approvers[0].email,
            "requester": item.requester and item.requester.email,
            "summary": item.summary,
            "description": item.description,
            "details": item.details,
            "url": item.url,
            "revision": "",
        }
    )


def _read(reader: "_Reader", payload: Any) -> Item | None:
    if not isinstance(payload, dict):
        reader.wrong("", "type", "The body must be a JSON object.")
        return None
    submitter = reader.object(payload, "submitter")
    approver = reader.object(payload, "approver")
    name = reader.text(submitter, "submitter.full_name")
    requester = reader.address(submitter, "submitter.email_addr")
    external_id = reader.id(payload, "report_id")
    currency = reader.text(payload, "currency") or ""
    total = reader.amount(payload, "total_amount", currency)
    lines = _lines(reader, payload, currency)
    description = reader.text(payload, "description")
    address = reader.address(approver, "approver.email_addr", required=True)
    if external_id is None or address is None:
        return None
    from_whom = name or requester
    submitted_by = f"{name} ({requester})" if name and requester else from_whom
    rows = [("Total", total), ("Submitted by", submitted_by), ("Report", external_id)]
    return Item(
        external_id=external_id,
        revision="",
        material_digest="",
        state=State.PENDING,
        title=f"Expense Report from {from_whom}" if from_whom else f"Expense Report {external_id}",
        approvers=(Person(id=address, email=address),),
        requester=Person(id=requester, email=requester) if requester else None,
        summary=tuple((key, value) for key, value in rows if value),
        description=description,
        details="\n".join(lines) or None,
    )


def _lines(reader: "_Reader", payload: dict[str, Any], currency: str) -> list[str]:
    items = payload.get("line_items") or []
    if not isinstance(items, list):
        reader.wrong("line_items", "type", "This must be a list.")
        return []
    return [_line(reader, item, f"line_items.{at}", currency) for at, item in enumerate(items)]


def _line(reader: "_Reader", item: Any, path: str, currency: str) -> str:
    if not isinstance(item, dict):
        reader.wrong(path, "type", "This must be an object.")
        return ""
    parts = (
        reader.text(item, f"{path}.item"),
        reader.text(item, f"{path}.category"),
        reader.amount(item, f"{path}.amount", currency),
    )
    return " · ".join(part for part in parts if part)


class _Reader:
    """Takes fields out of objects and keeps what is wrong with them, by path."""

    def __init__(self, *, is_exact: bool = True) -> None:
        self.errors: list[dict[str, str]] = []
        self.is_exact = is_exact

    def wrong(self, path: str, code: str, detail: str) -> None:
        self.errors.append({"field": path, "code": code, "detail": detail})

    def object(self, payload: dict[str, Any], path: str) -> dict[str, Any]:
        found = payload.get(path)
        if isinstance(found, dict):
            return found
        if found is not None:
            self.wrong(path, "type", "This must be an object.")
        return {}

    def text(self, payload: dict[str, Any], path: str) -> str | None:
        found = payload.get(path.rpartition(".")[2])
        if found is not None and not isinstance(found, str):
            self.wrong(path, "type", "This must be a string.")
            return None
        return found if found and not found.isspace() else None

    def id(self, payload: dict[str, Any], path: str) -> str | None:
        found = payload.get(path)
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if not isinstance(found, str) or not found or len(found) > LONGEST_ID:
            self.wrong(path, "required", f"This must have 1 to {LONGEST_ID} characters.")
            return None
        return found

    def address(self, payload: dict[str, Any], path: str, *, required: bool = False) -> str | None:
        found = self.text(payload, path)
        if found is None:
            if required and not any(error["field"] == path for error in self.errors):
                self.wrong(path, "required", "This must be an e-mail address.")
            return None
        try:
            return check_address(found)
        except NotAnAddress as error:
            self.wrong(path, "email", str(error))
            return None

    def amount(self, payload: dict[str, Any], path: str, currency: str) -> str | None:
        found = payload.get(path.rpartition(".")[2])
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, Decimal)):
            self.wrong(path, "type", "This must be a number.")
            return None
        amount = Decimal(found)
        if not can_be_written_out(amount):
            self.wrong(path, "max_value", "This is no amount of money.")
            return None
        return f"{amount if self.is_exact else amount.normalize():f} {currency}".rstrip()
