"""Logs: one event a line, JSON in production; no secret, no token, no body."""

import logging
import re
import sys
from typing import Any

import structlog

_SECRET_PATHS = re.compile(r"/(v|t|stop)/([A-Za-z0-9_-]{16,})")


def redacted_path(path: str) -> str:
    """Return a path without what would let its reader in: tokens whole, slugs but for six."""
    return _SECRET_PATHS.sub(_redact, path)


def _redact(match: re.Match[str]) -> str:
    shown = match[2][:6] + "…" if match[1] == "t" else "…"
    return f"/{match[1]}/{shown}"


def _redact_event(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event["event"] = redacted_path(str(event["event"]))
    return event


def configure(options: dict[str, Any]) -> None:
    """Set up structlog and send the standard library's records through it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if options["format"] == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(options["level"])
    # Our own request line replaces uvicorn's, and says what Django says of every 4xx.
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    logging.getLogger("django.request").setLevel(logging.ERROR)
