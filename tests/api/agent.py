"""An agent as the API sees it: JSON over HTTP, every response held against the OpenAPI document."""

import json
from typing import Any

from django.test import Client

from tests.api import openapi

V1 = "/api/v1"


class Agent:
    """A client with an API key, or with none."""

    def __init__(self, key: str | None = None, *, client: Client | None = None) -> None:
        self.key = key
        self._client = client or Client()

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body=body, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.call("PATCH", path, body=body, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Send a request. `raw` is sent as it is, `body` as JSON; header names take underscores."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.key is not None:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        response = self._client.generic(
            method, V1 + path, content, content_type=content_type, headers=sent
        )
        openapi.check(method, V1 + path, response)
        return response
