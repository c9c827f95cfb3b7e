"""What staff do to endpoints and deliveries: each calls the transition that the API calls."""

from datetime import datetime, timedelta
from typing import Any

from tracks.actors import Actor
from tracks.staff.actions import ShownOnce, reasoned_action
from webhooks import signing, transitions
from webhooks.models import Delivery, Endpoint
from webhooks.staff_forms import RecoverForm, ResumeForm, RotateForm

OPERATE = "webhooks.operate_endpoint"


def _here(endpoint: Endpoint) -> dict[str, Any]:
    return {"endpoint_id": endpoint.pk, "workspace_id": endpoint.workspace_id}


def send_test(endpoint: Endpoint, *, actor: Actor, reason: str) -> str:
    """Send an event that tells of nothing."""
    delivery = transitions.send_test(**_here(endpoint), actor=actor, reason=reason)
    return f"A webhook.test is on its way: {delivery.public_id}."


def pause(endpoint: Endpoint, *, actor: Actor, reason: str) -> str:
    """Send nothing from now on, and keep what would have been sent."""
    transitions.update_endpoint(
        **_here(endpoint), changes={"enabled": False}, actor=actor, reason=reason
    )
    return "Paused. What happens meanwhile is kept, and can be sent when you resume."


def resume(endpoint: Endpoint, *, actor: Actor, reason: str, recover: bool) -> str:
    """Send again, and with it what was held back if that is wanted."""
    since = endpoint.disabled_at
    transitions.update_endpoint(
        **_here(endpoint), changes={"enabled": True}, actor=actor, reason=reason
    )
    if not recover or since is None:
        return "Resumed."
    since = _first_skipped(endpoint, since)
    return f"Resumed. {_recovered(endpoint, since=since, actor=actor, reason=reason)}"


def _first_skipped(endpoint: Endpoint, since: datetime) -> datetime:
    # What was on its way when the endpoint was switched off was made before that.
    skipped = Delivery.objects.filter(
        endpoint=endpoint, status=Delivery.Status.SKIPPED, settled_at__gte=since
    )
    made = skipped.order_by("created_at").values_list("created_at", flat=True).first()
    return min(made or since, since)


def recover(endpoint: Endpoint, *, actor: Actor, reason: str, since: datetime) -> str:
    """Send again what has not arrived since a moment."""
    return _recovered(endpoint, since=since, actor=actor, reason=reason)


def _recovered(endpoint: Endpoint, *, since: datetime, actor: Actor, reason: str) -> str:
    count = transitions.recover(**_here(endpoint), since=since, actor=actor, reason=reason)
    return f"{count} {'delivery is' if count == 1 else 'deliveries are'} sent again."


def rotate(
    endpoint: Endpoint, *, actor: Actor, reason: str, overlap: int, force: bool
) -> ShownOnce | str:
    """Sign with a new secret; the one before signs, too, for a while."""
    _, key = transitions.rotate_key(
        **_here(endpoint),
        overlap=timedelta(seconds=overlap),
        force=force,
        actor=actor,
        reason=reason,
    )
    return shown_key(endpoint, key)


def shown_key(endpoint: Endpoint, key: str) -> ShownOnce | str:
    """Return what may be shown of a key just made: a secret this once, a private key never."""
    if endpoint.scheme == Endpoint.Scheme.ASYMMETRIC:
        return f"The key is new. Receivers verify with {signing.public_key(key)}."
    return ShownOnce(label="The signing secret", secret=key)


def replay(delivery: Delivery, *, actor: Actor, reason: str) -> str:
    """Send one message again, under its own webhook-id."""
    transitions.replay(
        delivery_id=delivery.pk,
        workspace_id=delivery.endpoint.workspace_id,
        actor=actor,
        reason=reason,
    )
    return f"{delivery.public_id} is sent again."


class EndpointActions:
    """The buttons on the page of an endpoint."""

    test = reasoned_action(
        label="Send a test",
        permission=OPERATE,
        says="An event of the type webhook.test is sent, whatever types it listens to.",
        act=send_test,
        fits=lambda endpoint: endpoint.enabled,
    )
    recover_since = reasoned_action(
        label="Recover since",
        permission=OPERATE,
        says="What was made since a moment and has not arrived is sent again, each under its own "
        "webhook-id: whoever has seen one already knows it.",
        act=recover,
        form=RecoverForm,
        fits=lambda endpoint: endpoint.enabled,
    )
    rotate_secret = reasoned_action(
        label="Rotate the secret",
        permission=OPERATE,
        says="A new secret signs what is sent from now on. It is shown once, on the next page.",
        act=rotate,
        form=RotateForm,
        is_dangerous=True,
    )
    pause = reasoned_action(
        label="Pause",
        permission=OPERATE,
        says="Nothing is sent until you resume. What is on its way, and what happens meanwhile, "
        "is kept.",
        act=pause,
        fits=lambda endpoint: endpoint.enabled,
        is_dangerous=True,
    )
    resume = reasoned_action(
        label="Resume",
        permission=OPERATE,
        says="What happens from now on is sent again.",
        act=resume,
        form=ResumeForm,
        fits=lambda endpoint: not endpoint.enabled,
    )


class DeliveryActions:
    """The button on the page of a delivery."""

    send_again = reasoned_action(
        label="Send again",
        permission=OPERATE,
        says="The message is sent again, under its own webhook-id, whatever came of it before.",
        act=replay,
    )
