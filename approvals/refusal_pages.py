"""How a person reads a refusal: a page with its status, what it means and what to do next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from redis.exceptions import RedisError

from approvals.display_time import span
from approvals.responses import locked
from approvals.visits import Locked
from config import errors, requestid
from config.errors import DomainError

log = structlog.get_logger(__name__)

View = Callable[..., HttpResponse]
TEMPLATE = "pages/refusal.html"


@dataclass(frozen=True, slots=True)
class Words:
    """The heading of a refusal, its reason, and the next step."""

    heading: str
    why: str
    next: str


BY_STATUS = {
    400: Words(
        "This request could not be read",
        "Your browser sent something we do not understand.",
        "Go back, reload the page and try once more.",
    ),
    403: Words(
        "This did not come from our page",
        "Nothing was recorded. The form was sent by another site, or your browser did not send "
        "our cookie along.",
        "Open the request again from your mail, allow cookies for this site, and try once more.",
    ),
    404: Words(
        "There is nothing here",
        "The address is not complete, or what was here is gone.",
        "Open the link in your mail again, or copy its whole address into the browser.",
    ),
    405: Words(
        "That does not work here",
        "This address is there for something else.",
        "Open the link in your mail again.",
    ),
    409: Words(
        "This has changed meanwhile",
        "What you saw is no longer how things stand. Nothing was recorded.",
        "Open the page again and look at it as it is now.",
    ),
    410: Words(
        "This link has expired or was used",
        "A sign-in link works once, for ten minutes.",
        "Open the request from your mail again and choose “E-mail me a sign-in link” there. "
        "The code in a mail works, too.",
    ),
    413: Words(
        "That is too much at once",
        "What you sent is larger than we can take. Nothing was recorded.",
        "Go back and send less.",
    ),
    429: Words(
        "Too many tries",
        "We make everybody wait here, so that nobody can guess.",
        "Nothing is lost: open this page again then.",
    ),
    500: Words(
        "Something went wrong on our side",
        "It has been written down. Nothing you did caused it.",
        "Open the page again to see what was recorded, then try once more.",
    ),
    503: Words(
        "We are not available for a moment",
        "Nothing was recorded, and nothing is lost.",
        "Try again in a few seconds.",
    ),
}


# Staff come from a list, not from a mail.
NOT_IN_A_LIST = Words(BY_STATUS[404].heading, BY_STATUS[404].why, next="Look for it in the lists.")
NOT_ALLOWED = Words(
    "Your role does not allow this",
    "Nothing was changed.",
    "Ask somebody with the role Owner, who can do it or give you a role that may.",
)


def refusal_page(
    request: HttpRequest, error: DomainError, *, template: str = TEMPLATE, **context: Any
) -> HttpResponse:
    """Return the page for a refusal; an agent that lost its way gets a problem document."""
    if request.path.startswith(("/api/", "/webhooks/")):
        body = errors.problem(error, request_id=requestid.current.get())
        return JsonResponse(
            body, status=error.status, content_type=errors.PROBLEM_TYPE, headers=error.headers
        )
    is_staff_page = request.path.startswith("/admin/")
    words = BY_STATUS.get(error.status, BY_STATUS[400])
    response = render(
        request,
        template,
        {
            "words": NOT_IN_A_LIST if is_staff_page and error.status == 404 else words,
            "is_staff_page": is_staff_page,
            "status": error.status,
            "wait": wait_words(error),
            "request_id": requestid.current.get(),
            **context,
        },
        status=error.status,
    )
    for name, value in error.headers.items():
        response[name] = value
    return response


def wait_words(error: DomainError) -> str:
    """Return how long to wait, in words, where a refusal says so."""
    seconds = error.headers.get("Retry-After", "")
    if not seconds.isdigit():
        return ""
    wait = int(seconds)
    if wait < 60:
        return f"{wait} seconds" if wait != 1 else "1 second"
    # Rounded up: whoever waits that long is not refused again.
    unit = 60 if wait <= 7200 else 3600
    return span(timedelta(seconds=-(-wait // unit) * unit))


def page(*methods: str) -> Callable[[View], View]:
    """Answer these methods (GET means HEAD as well) and show refusals as pages."""
    allowed = [*methods, *(["HEAD"] if "GET" in methods else [])]

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in allowed:
                return method_not_allowed(request, allowed)
            try:
                return view(request, *args, **kwargs)
            except Locked as error:
                return locked(error.visit, status=error.status)
            except DomainError as error:
                return refusal_page(request, error)
            except (OperationalError, InterfaceError, RedisError):
                log.exception("page.unavailable")
                return refusal_page(request, errors.Unavailable())

        answer.methods = allowed  # type: ignore[attr-defined]
        return answer

    return decorate


def method_not_allowed(request: HttpRequest, allowed: list[str]) -> HttpResponse:
    """Return 405 with what is allowed instead."""
    return refusal_page(
        request, errors.MethodNotAllowed(headers={"Allow": ", ".join(sorted(allowed))})
    )


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form without our token or from another site (SE-05)."""
    allowed = getattr(getattr(request.resolver_match, "func", None), "methods", None)
    if allowed and request.method not in allowed:
        return method_not_allowed(request, allowed)
    return refusal_page(request, Forged())


class NotAllowed(DomainError):
    code, status, title = "not_allowed", 403, "This role does not allow that."


class Forged(DomainError):
    code, status, title = "forged", 403, "This did not come from our page."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return refusal_page(request, errors.Malformed())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 to staff whose role does not allow what they asked for; nobody else comes here."""
    return refusal_page(request, NotAllowed(), words=NOT_ALLOWED)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    return refusal_page(request, errors.NotFound())


def too_large(request: HttpRequest) -> HttpResponse:
    """Answer 413."""
    return refusal_page(request, errors.TooLarge())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500. Shows no detail: the log has it."""
    return refusal_page(request, errors.Internal())
