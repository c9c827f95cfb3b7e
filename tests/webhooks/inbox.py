"""A system of record that posts to its connection."""

import json
import time
from typing import Any

from django.test import Client

from mirroring import transitions
from mirroring.models import Connection
from tests.mirroring.payloads import EXPENSE_REPORT
from tracks.models import Workspace
from webhooks import signing


class Sender:
    """Signs with the connection's secret, or comes as a test says."""

    def __init__(self, workspace: Workspace, *, name: str = "Expenses") -> None:
        self.connection, self.secret = transitions.create_connection(
            workspace_id=workspace.pk, name=name
        )
        self.client = Client(raise_request_exception=False)

    @property
    def path(self) -> str:
        return f"/webhooks/{self.connection.public_id}"

    def row(self) -> Connection:
        return Connection.objects.get(pk=self.connection.pk)

    def signed(
        self, body: bytes, *, id: str = "msg_1", at: float | None = None, secret: str = ""
    ) -> dict[str, str]:
        """Return the headers of a message."""
        return signing.headers(
            [secret or self.secret], id=id, timestamp=int(at or time.time()), body=body
        )

    def post(
        self,
        body: bytes = EXPENSE_REPORT,
        *,
        id: str = "msg_1",
        headers: dict[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Post a body, signed unless `headers` says otherwise."""
        sent = self.signed(body, id=id) if headers is None else headers
        return self.client.post(self.path, body, content_type=content_type, headers=sent)

    def post_json(self, content: Any, *, id: str = "msg_1") -> Any:
        return self.post(json.dumps(content).encode(), id=id)
