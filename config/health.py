"""Is this process alive, can it do its work, and how much work is there?"""

import hmac
import ipaddress
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache

import structlog
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from config import errors, requestid
from config.env import metrics_token
from config.metrics import registry

log = structlog.get_logger(__name__)

LONGEST_CHECK = 3.0  # seconds; after that a check has failed


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Tell that the process answers, and nothing about what it depends on."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Tell whether requests can be served: database, migrations, broker. 503 names what fails."""
    # All at once, so that the answer takes no longer than the slowest.
    running = {name: _threads().submit(_run, name, check) for name, check in CHECKS.items()}
    wait(running.values(), timeout=LONGEST_CHECK)
    checks = {name: _outcome(name, future) for name, future in running.items()}
    failing = [name for name, outcome in checks.items() if outcome != "ok"]
    if not failing:
        return JsonResponse({"status": "ok", "checks": checks})
    return _problem(errors.Unavailable(f"Not ready: {', '.join(failing)}."), checks=checks)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Show numbers for Prometheus to whom they are meant for."""
    refusal = _refusal(request)
    if refusal is not None:
        return _problem(refusal)
    try:
        numbers = generate_latest(registry())
    except DatabaseError as error:
        log.warning("metrics.failed", error=repr(error))
        return _problem(errors.Unavailable("The database does not answer."))
    return HttpResponse(numbers, content_type=CONTENT_TYPE_LATEST)


class TokenWanted(errors.DomainError):
    """The numbers are for whoever has the METRICS_TOKEN."""

    code, status, title = "unauthorized", 401, "Send the METRICS_TOKEN as a bearer token."


def _problem(error: errors.DomainError, **members: object) -> JsonResponse:
    body = errors.problem(error, request_id=requestid.current.get()) | members
    return JsonResponse(
        body, status=error.status, content_type=errors.PROBLEM_TYPE, headers=error.headers
    )


def _refusal(request: HttpRequest) -> errors.DomainError | None:
    token = metrics_token()
    if token:
        given = request.headers.get("Authorization", "").encode()
        return None if hmac.compare_digest(given, f"Bearer {token}".encode()) else TokenWanted()
    # Without a token nobody sees them but who sits at this machine, on the run without servers.
    is_local = settings.EMBEDDED and _is_loopback(request.META.get("REMOTE_ADDR", ""))
    return None if is_local else errors.NotFound()


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


# --- checks -------------------------------------------------------------------------------------


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check_migrations() -> None:
    # What was applied once stays applied while this process lives.
    if _Applied.all:
        return
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise RuntimeError("there are migrations to apply")
    _Applied.all = True


def _check_broker() -> None:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=LONGEST_CHECK, interval_start=0.2)


class _Applied:
    all = False


CHECKS: dict[str, Callable[[], None]] = {
    "database": _check_database,
    "migrations": _check_migrations,
    "broker": _check_broker,
}


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=len(CHECKS) * 2, thread_name_prefix="readyz")


def _run(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:
        # The log has the reason; strangers see only what fails, not how we reach it.
        log.warning("readyz.failed", check=name, error=repr(error))
        return "failing"
    finally:
        connection.close()
    return "ok"


def _outcome(name: str, future: Future[str]) -> str:
    if future.done():
        return future.result()
    future.cancel()  # one that hangs goes on; those that queue behind it do not pile up
    log.warning("readyz.timeout", check=name)
    return "no answer in time"
