"""A page's live stream, read as a browser's EventSource reads it."""

import json
from collections.abc import Mapping
from typing import Any, Self

import httpx2

from tests.server import Web

PATIENCE = 5.0  # seconds, less than the heartbeat, which would show a change as well


class Stream:
    """An open stream of Server-Sent Events."""

    def __init__(self, web: Web, track_url: str, cookies: Mapping[str, str] | None = None) -> None:
        slug = track_url.rpartition("/")[2]
        self._client = httpx2.Client(
            base_url=web.base_url, cookies=dict(cookies or {}), timeout=PATIENCE
        )
        self._request = self._client.build_request("GET", f"/t/{slug}/live")

    def __enter__(self) -> Self:
        self.response = self._client.send(self._request, stream=True)
        self._lines = self.response.iter_lines()
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._client.close()

    def next_change(self) -> dict[str, Any] | None:
        """Return the next change, or None when the stream has ended."""
        for line in self._lines:
            if line.startswith("data: "):
                change: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return change
        return None

    def next_line(self) -> str | None:
        """Return the next line that is not empty, or None when the stream has ended."""
        return next((line for line in self._lines if line), None)
