"""The headers of every response, whoever answers: Django, the router or static files."""

from typing import Any

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), payment=(), usb=()"
    ),
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
NOT_STORED = {"Cache-Control": "no-store"}
# What is not a page runs nothing, loads nothing and is framed by nobody.
NO_PAGE_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def for_data(*, hsts_seconds: int) -> dict[str, str]:
    """Return the headers of an answer that is no page: JSON, an event stream."""
    headers = EVERYWHERE | NOT_STORED | {"Content-Security-Policy": NO_PAGE_POLICY}
    if hsts_seconds:
        headers["Strict-Transport-Security"] = f"max-age={hsts_seconds}"
    return headers


def add_to_static(headers: Any, path: str, url: str) -> None:
    """Give static files the common headers, too."""
    for name, value in EVERYWHERE.items():
        headers[name] = value
