"""A definition to vary, of a system that nobody has seen."""

import copy
import json
from typing import Any

from mirroring.connectors.rest import Rest

SECRET = "s3cr3t-t0k3n"

PLAIN: dict[str, Any] = {
    "base_url": "",
    "auth": {"type": "bearer", "token": "{secret.token}"},
    "list": {"request": {"path": "/approvals"}, "items": "rows"},
    "item": {
        "id": "key",
        "title": "subject",
        "state": "status",
        "approvers": {"from": "deciders", "id": "login", "email": "mail", "name": "name"},
        "amount": "total.value",
        "currency": "total.unit",
    },
    "states": {"pending": ["waiting"], "approved": ["yes", "auto"], "rejected": "no"},
    "get": {"request": {"path": "/approvals/{id}"}},
    "decide": {
        "approve": {
            "state": "approved",
            "request": {"path": "/approvals/{id}/yes", "body": {"reason": "{statement}"}},
        },
        "deny": {
            "state": "rejected",
            "comment_required": True,
            "request": {"path": "/approvals/{id}/no", "body": {"reason": "{statement}"}},
        },
    },
}


# How it varies where it is asked for what has changed since a time.
BY_TIME: dict[str, Any] = {
    "list": {
        "request": {"path": "/approvals", "query": {"since": "{since}"}},
        "items": "rows",
        "cursor": {"type": "keyset"},
    },
    "item__updated": "at",
}


def plain(**changes: Any) -> dict[str, Any]:
    """Return the definition with settings replaced: `list__pages={…}` is list.pages."""
    found = copy.deepcopy(PLAIN)
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = found
        for each in parents:
            inner = inner.setdefault(each, {})
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return found


def rest(url: str, *, secrets: str = f"token: {SECRET}", **changes: Any) -> Rest:
    """Return a connector of the definition, varied."""
    definition = json.dumps(plain(base_url=url, **changes))
    return Rest({"definition": definition, "secrets": secrets})


def row(key: Any = 7, **changes: Any) -> dict[str, Any]:
    """Return an approval as that system writes it."""
    return {
        "key": key,
        "subject": f"Approval {key}",
        "status": "waiting",
        "deciders": [{"login": "al", "mail": "al@corp.example", "name": "Al"}],
        "total": {"value": 750.5, "unit": "EUR"},
        **changes,
    }
