"""What happens to every request that Django answers."""

import time
from collections.abc import Callable

import structlog
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_callable

from config import headers, requestid
from config.clients import client_address
from config.logs import redacted_path

log = structlog.get_logger("sayso.requests")

Next = Callable[[HttpRequest], HttpResponse]


def is_api(request: HttpRequest) -> bool:
    """Tell whether an agent is asking, who reads JSON, not pages."""
    return request.path.startswith(("/api/", "/webhooks/"))


def request_context(get_response: Next) -> Next:
    """Give each request an id and its client's address, and write one log line about it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        requestid.current.set(requestid.new())
        request.META["REMOTE_ADDR"] = client_address(
            peer=request.META.get("REMOTE_ADDR", ""),
            forwarded_for=request.META.get("HTTP_X_FORWARDED_FOR", ""),
        )
        started = time.monotonic()
        response = get_response(request)
        response[requestid.HEADER] = requestid.current.get()
        log.info(
            "request",
            method=request.method,
            path=redacted_path(request.path),
            status=response.status_code,
            duration_ms=round((time.monotonic() - started) * 1000, 1),
            request_id=requestid.current.get(),
        )
        return response

    return middleware


def response_headers(get_response: Next) -> Next:
    """Add the common headers; nothing but static files is stored by anyone."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in (headers.EVERYWHERE | headers.NOT_STORED).items():
            response.headers.setdefault(name, value)
        return response

    return middleware


class ContentSecurityPolicy(CSPMiddleware):
    """The strict policy on pages, a looser one on the admin's, the strictest on what is no page."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if request.path.startswith("/admin/"):
            response._csp_replace = settings.ADMIN_CONTENT_SECURITY_POLICY  # type: ignore[attr-defined]
        if response.headers.get("Content-Type", "").startswith("application/"):
            response.headers.setdefault("Content-Security-Policy", headers.NO_PAGE_POLICY)
        return super().process_response(request, response)


def limit_body(get_response: Next) -> Next:
    """Refuse a body over the limit before anybody reads it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()) or int(length) > settings.LARGEST_BODY:
            return _too_large(request)
        try:
            return get_response(request)
        except RequestDataTooBig:
            return _too_large(request)

    return middleware


def _too_large(request: HttpRequest) -> HttpResponse:
    too_large: Callable[..., HttpResponse] = get_callable("approvals.pages.too_large")
    return too_large(request)


def refuse_other_sites(get_response: Next) -> Next:
    """Refuse a form that another site, also a sibling under our domain, sends (SE-05)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and not is_api(request):
            site = request.headers.get("Sec-Fetch-Site", "same-origin")
            if site not in ("same-origin", "none"):
                forged: Callable[..., HttpResponse] = get_callable(settings.CSRF_FAILURE_VIEW)
                return forged(request, reason="cross-site")
        return get_response(request)

    return middleware
