"""Every change of endpoints and deliveries. The only module of this app that writes a status.

Lock order: Endpoint, Delivery.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from config import targets
from config.errors import Invalid, NotFound
from tracks.actors import SYSTEM, Actor
from tracks.clock import database_now, rfc3339
from tracks.entries import note
from tracks.ids import new_id
from tracks.models import Workspace
from tracks.transactions import transition
from tracks.work import poke_after_commit
from webhooks import payloads, retries, signing
from webhooks.models import Attempt, Delivery, Endpoint, OwnerNotice, SigningKey
from webhooks.outcome import Outcome
from webhooks.refusals import EndpointLimit, EndpointUrlRefused, RotationInProgress

MOST_ENDPOINTS = 50
DELIVER = "webhooks.tasks.deliver"
NOTICE_EVERY = timedelta(hours=24)


def _note(
    endpoint: Endpoint,
    type: str,
    *,
    actor: Actor,
    at: datetime,
    about: Delivery | None = None,
    reason: str = "",
    **data: Any,
) -> None:
    # Staff say why; an agent's key does not.
    because = {"reason": reason} if reason else {}
    subject = (about or endpoint).public_id
    note(endpoint.workspace_id, type, subject=subject, actor=actor, at=at, **data, **because)


@transition
def create_endpoint(
    *, workspace_id: UUID, fields: dict[str, Any], actor: Actor
) -> tuple[Endpoint, str]:
    """Make an endpoint and return it with its signing key."""
    check_url(fields["url"])
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    if Endpoint.objects.of(workspace_id).count() >= MOST_ENDPOINTS:
        raise EndpointLimit()
    now = database_now()
    endpoint = Endpoint(workspace_id=workspace_id, created_at=now, updated_at=now, **fields)
    if not endpoint.enabled:
        endpoint.disabled_reason, endpoint.disabled_at = Endpoint.Why.REQUESTED, now
    endpoint.save(force_insert=True)
    key = _add_key(endpoint, now=now)
    _note(
        endpoint,
        "endpoint.created",
        actor=actor,
        at=now,
        url=endpoint.url,
    )
    return endpoint, key


def check_url(url: str) -> None:
    """Raise EndpointUrlRefused for a URL that will never be called."""
    try:
        targets.check_saved(url)
    except targets.BadTarget as error:
        raise EndpointUrlRefused(str(error)) from None


def _add_key(endpoint: Endpoint, *, now: datetime) -> str:
    key = signing.new_key(endpoint.scheme)
    SigningKey.objects.create(endpoint=endpoint, key=key, created_at=now)
    return key


def _lock(endpoint_id: UUID, workspace_id: UUID) -> Endpoint:
    endpoint = Endpoint.objects.select_for_update().of(workspace_id).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound()
    return endpoint


@transition
def update_endpoint(
    *,
    endpoint_id: UUID,
    workspace_id: UUID,
    changes: dict[str, Any],
    actor: Actor,
    reason: str = "",
) -> Endpoint:
    """Change URL, event types or description; switch off or on."""
    if "url" in changes:
        check_url(changes["url"])
    endpoint = _lock(endpoint_id, workspace_id)
    changes = {name: value for name, value in changes.items() if getattr(endpoint, name) != value}
    if not changes:
        return endpoint
    now = database_now()
    was = {name: getattr(endpoint, name) for name in changes}
    for name, value in changes.items():
        setattr(endpoint, name, value)
    endpoint.updated_at = now
    endpoint.save(update_fields=[*changes, "updated_at"])
    if "enabled" in changes:
        _switch(endpoint, now=now)
    _note(
        endpoint,
        "endpoint.updated",
        actor=actor,
        at=now,
        was=was,
        now=changes,
        reason=reason,
    )
    return endpoint


def _switch(endpoint: Endpoint, *, now: datetime) -> None:
    if endpoint.enabled:
        endpoint.disabled_reason, endpoint.disabled_at = "", None
        endpoint.failing_since, endpoint.failures = None, 0
        endpoint.save(update_fields=["disabled_reason", "disabled_at", "failing_since", "failures"])
    else:
        switch_off(endpoint, why=Endpoint.Why.REQUESTED, now=now)


def switch_off(endpoint: Endpoint, *, why: Endpoint.Why, now: datetime) -> None:
    """Stop calling a locked endpoint; what was on its way is skipped and can be recovered."""
    endpoint.enabled, endpoint.disabled_reason, endpoint.disabled_at = False, why, now
    endpoint.save(update_fields=["enabled", "disabled_reason", "disabled_at"])
    waiting = Delivery.objects.filter(endpoint=endpoint, next_attempt_at__isnull=False)
    waiting.update(status=Delivery.Status.SKIPPED, next_attempt_at=None, settled_at=now)


@transition
def delete_endpoint(*, endpoint_id: UUID, workspace_id: UUID, actor: Actor) -> None:
    """Forget an endpoint and its keys; its deliveries stay until they are purged."""
    endpoint = _lock(endpoint_id, workspace_id)
    now = database_now()
    switch_off(endpoint, why=Endpoint.Why.REQUESTED, now=now)
    endpoint.deleted_at = now
    endpoint.save(update_fields=["deleted_at"])
    endpoint.signing_keys.all().delete()
    _note(endpoint, "endpoint.deleted", actor=actor, at=now)


@transition
def rotate_key(
    *,
    endpoint_id: UUID,
    workspace_id: UUID,
    overlap: timedelta,
    force: bool,
    actor: Actor,
    reason: str = "",
) -> tuple[Endpoint, str]:
    """Sign with a new key; earlier ones go on signing, too, for at most the overlap."""
    endpoint = _lock(endpoint_id, workspace_id)
    now = database_now()
    if endpoint.signing_keys.filter(expires_at__gt=now).exists() and not force:
        raise RotationInProgress()
    end = now + overlap
    endpoint.signing_keys.filter(expires_at__gt=end).update(expires_at=end)
    endpoint.signing_keys.filter(expires_at=None).update(expires_at=end)
    endpoint.signing_keys.filter(expires_at__lte=now).delete()
    key = _add_key(endpoint, now=now)
    seconds = int(overlap.total_seconds())
    _note(
        endpoint,
        "endpoint.key_rotated",
        actor=actor,
        at=now,
        overlap_seconds=seconds,
        force=force,
        reason=reason,
    )
    return endpoint, key


@transition
def send_test(*, endpoint_id: UUID, workspace_id: UUID, actor: Actor, reason: str = "") -> Delivery:
    """Plan a delivery that tells of nothing."""
    endpoint = _lock_enabled(endpoint_id, workspace_id)
    now = database_now()
    delivery = Delivery.objects.create(
        endpoint=endpoint,
        message_id=new_id(),
        type=payloads.TEST,
        body=payloads.test_body(endpoint.public_id, now),
        trigger=Delivery.Trigger.TEST,
        created_at=now,
        next_attempt_at=now,
    )
    _note(endpoint, "delivery.test", about=delivery, actor=actor, at=now, reason=reason)
    poke_after_commit(DELIVER)
    return delivery


def _lock_enabled(endpoint_id: UUID, workspace_id: UUID) -> Endpoint:
    endpoint = _lock(endpoint_id, workspace_id)
    if not endpoint.enabled:
        raise Invalid("The endpoint is switched off. Enable it first.", errors=[])
    return endpoint


def plan(endpoints: Iterable[Endpoint], *, event: Any, body: str) -> None:
    """Plan one delivery of an event to each endpoint; where there is one already, nothing."""
    now = database_now()
    Delivery.objects.bulk_create(
        [
            Delivery(
                endpoint=endpoint,
                event=event,
                message_id=event.pk,
                type=event.type,
                body=body,
                created_at=event.at,
                status=Delivery.Status.PENDING if endpoint.enabled else Delivery.Status.SKIPPED,
                next_attempt_at=now if endpoint.enabled else None,
                settled_at=None if endpoint.enabled else now,
            )
            for endpoint in endpoints
        ],
        ignore_conflicts=True,
    )
    poke_after_commit(DELIVER)


@transition
def replay(*, delivery_id: UUID, workspace_id: UUID, actor: Actor, reason: str = "") -> Delivery:
    """Send a message again, under its own id, whatever came of it before."""
    found = Delivery.objects.filter(
        pk=delivery_id, endpoint__in=Endpoint.objects.of(workspace_id)
    ).first()
    if found is None:
        raise NotFound()
    endpoint = _lock_enabled(found.endpoint_id, workspace_id)
    now = database_now()
    mine = Delivery.objects.filter(pk=found.pk)
    _send_again(mine, trigger=Delivery.Trigger.MANUAL, now=now)
    _note(endpoint, "delivery.replayed", about=found, actor=actor, at=now, reason=reason)
    return mine.get()


@transition
def recover(
    *, endpoint_id: UUID, workspace_id: UUID, since: datetime, actor: Actor, reason: str = ""
) -> int:
    """Send again what did not arrive since a moment; return how many deliveries that is."""
    endpoint = _lock_enabled(endpoint_id, workspace_id)
    now = database_now()
    arrived = (Delivery.Status.DELIVERED, Delivery.Status.PENDING)
    missed = Delivery.objects.filter(endpoint=endpoint, created_at__gte=since)
    count = _send_again(
        missed.exclude(status__in=arrived), trigger=Delivery.Trigger.RECOVERY, now=now
    )
    _note(
        endpoint,
        "deliveries.recovered",
        actor=actor,
        at=now,
        since=rfc3339(since),
        count=count,
        reason=reason,
    )
    return count


def _send_again(deliveries: QuerySet[Delivery], *, trigger: Delivery.Trigger, now: datetime) -> int:
    # An attempt that is under way ends as it does and settles nothing: its lease is gone.
    count = deliveries.update(
        status=Delivery.Status.PENDING,
        trigger=trigger,
        attempts_before=F("attempts"),
        next_attempt_at=now,
        settled_at=None,
    )
    poke_after_commit(DELIVER)
    return count


@transition
def settle(outcomes: Collection[Outcome]) -> None:
    """Write what came of attempts, and what follows for the deliveries and their endpoints."""
    endpoints = _lock_troubled(outcomes)
    Attempt.objects.bulk_create(
        [outcome.as_attempt() for outcome in outcomes], ignore_conflicts=True
    )
    _write_delivered([each for each in outcomes if each.is_success])
    for outcome in outcomes:
        endpoint = endpoints.get(outcome.delivery.endpoint_id)
        if endpoint is not None:
            _judge(endpoint, outcome)


def _lock_troubled(outcomes: Collection[Outcome]) -> dict[UUID, Endpoint]:
    """Lock the endpoints whose record changes: those that failed now or had failed before."""
    troubled = {
        each.delivery.endpoint_id
        for each in outcomes
        if not each.is_success or each.delivery.endpoint.failing_since is not None
    }
    rows = Endpoint.objects.select_for_update(no_key=True).filter(pk__in=troubled)
    return {endpoint.pk: endpoint for endpoint in rows.order_by("pk")}


def _write_delivered(outcomes: Collection[Outcome]) -> None:
    # What is waiting to be sent again stays as it is, whatever an earlier attempt came to.
    for number in {each.delivery.attempts for each in outcomes}:
        keys = [each.delivery.pk for each in outcomes if each.delivery.attempts == number]
        still = Delivery.objects.filter(pk__in=keys, attempts=number)
        leases = {each.delivery.next_attempt_at for each in outcomes}
        still.filter(Q(next_attempt_at=None) | Q(next_attempt_at__in=leases)).update(
            status=Delivery.Status.DELIVERED,
            next_attempt_at=None,
            last_error="",
            settled_at=max(each.ended_at for each in outcomes),
        )


def _judge(endpoint: Endpoint, outcome: Outcome) -> None:
    if outcome.is_success:
        endpoint.failing_since, endpoint.failures = None, 0
        endpoint.save(update_fields=["failing_since", "failures"])
        return
    endpoint.failing_since = endpoint.failing_since or outcome.at
    endpoint.failures += 1
    endpoint.save(update_fields=["failing_since", "failures"])
    if _write_failed(outcome) and outcome.delivery.tries >= retries.MOST_ATTEMPTS:
        _tell_owner(endpoint, OwnerNotice.Kind.EXHAUSTED, now=outcome.ended_at)
    if not endpoint.enabled:
        return
    failing_for = outcome.ended_at - endpoint.failing_since
    if outcome.is_gone:
        _give_up(endpoint, Endpoint.Why.GONE, now=outcome.ended_at)
    elif retries.has_given_up(failing_for=failing_for, failures=endpoint.failures):
        _give_up(endpoint, Endpoint.Why.FAILING, now=outcome.ended_at)


def _write_failed(outcome: Outcome) -> bool:
    """Plan the next attempt; True if this was the last."""
    delivery = outcome.delivery
    pause = retries.pause_after(
        delivery.tries, retry_after=outcome.retry_after, chance=retries.some_chance()
    )
    is_over = pause is None or outcome.is_gone or outcome.asks_to_stop
    changed = Delivery.objects.filter(
        pk=delivery.pk, attempts=delivery.attempts, next_attempt_at=delivery.next_attempt_at
    ).update(
        status=Delivery.Status.EXHAUSTED if is_over else Delivery.Status.FAILED,
        next_attempt_at=None if is_over else outcome.ended_at + (pause or timedelta()),
        last_error=outcome.summary,
        settled_at=outcome.ended_at if is_over else None,
    )
    return changed == 1 and is_over


def _give_up(endpoint: Endpoint, why: Endpoint.Why, *, now: datetime) -> None:
    switch_off(endpoint, why=why, now=now)
    _note(endpoint, "endpoint.disabled", actor=SYSTEM, at=now, reason=str(why))
    _tell_owner(endpoint, OwnerNotice.Kind(why.value), now=now)


def _tell_owner(endpoint: Endpoint, kind: OwnerNotice.Kind, *, now: datetime) -> None:
    told = OwnerNotice.objects.filter(endpoint=endpoint, kind=kind)
    if told.filter(created_at__gt=now - NOTICE_EVERY).exists():
        return
    notice = OwnerNotice.objects.create(
        endpoint=endpoint, kind=kind, created_at=now, next_attempt_at=now
    )
    poke_after_commit("webhooks.tasks.send_notice", str(notice.pk))


@transition
def skip(deliveries: Collection[Delivery]) -> None:
    """Put aside what was claimed for endpoints that are switched off meanwhile."""
    Delivery.objects.filter(pk__in=[each.pk for each in deliveries]).update(
        status=Delivery.Status.SKIPPED, next_attempt_at=None, settled_at=database_now()
    )
