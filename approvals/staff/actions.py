"""What staff may do with an ask or a track: each with a permission, a reason and an event."""

from typing import Any
from uuid import UUID

from approvals.grants import Client
from approvals.models import Ask
from approvals.overriding import override_ask
from approvals.reassigning import reassign
from approvals.resending import nudge, resend_notice
from approvals.staff.forms import OverrideForm, PasswordForm, ReassignForm, RevokeForm, WhomForm
from approvals.transitions import cancel_ask
from approvals.verification import revoke_browsers
from tracks.actors import Actor
from tracks.models import Track
from tracks.staff.actions import reasoned_action
from tracks.transitions import update_track


def _is_open(ask: Ask) -> bool:
    return ask.shown_status == Ask.Status.OPEN


def _cancel(ask: Ask, *, actor: Actor, reason: str) -> str:
    cancel_ask(ask_id=ask.pk, workspace_id=ask.workspace_id, reason=reason, actor=actor)
    return "The request is withdrawn."


def _resend(ask: Ask, *, approver: str, actor: Actor, reason: str) -> str:
    resend_notice(**_mail(ask, approver), reason=reason, actor=actor)
    return "The notice is on its way again."


def _nudge(ask: Ask, *, approver: str, actor: Actor, reason: str) -> str:
    nudge(**_mail(ask, approver), reason=reason, actor=actor)
    return "A reminder is on its way."


def _mail(ask: Ask, approver: str) -> dict[str, Any]:
    return {"ask_id": ask.pk, "track_id": ask.track_id, "approver_id": UUID(approver)}


def _reassign(ask: Ask, *, seat_id: int, to: str, actor: Actor, reason: str) -> str:
    reassign(
        ask_id=ask.pk, track_id=ask.track_id, seat_id=seat_id, to=to, reason=reason, actor=actor
    )
    return f"{to} is asked now."


def _override(ask: Ask, *, value: bool | str, client: Client, actor: Actor, reason: str) -> str:
    override_ask(
        ask_id=ask.pk,
        track_id=ask.track_id,
        value=value,
        reason=reason,
        actor=actor,
        client=client,
    )
    return "The request is decided. Everybody sees that it was by staff."


def _revoke(row: Ask | Track, *, approver: str, actor: Actor, reason: str) -> str:
    count = revoke_browsers(
        track_id=row.pk if isinstance(row, Track) else row.track_id,
        workspace_id=row.workspace_id,
        approver_id=UUID(approver),
        reason=reason,
        actor=actor,
    )
    return f"Revoked: {count} verified browser{'' if count == 1 else 's'}."


def _set_password(track: Track, *, password: str, actor: Actor, reason: str) -> str:
    _update(track, password, actor=actor, reason=reason)
    return "The page asks for the new password. Whoever had unlocked it must do so again."


def _clear_password(track: Track, *, actor: Actor, reason: str) -> str:
    _update(track, None, actor=actor, reason=reason)
    return "The page asks for no password any more."


def _update(track: Track, password: str | None, *, actor: Actor, reason: str) -> None:
    update_track(
        track_id=track.pk,
        workspace_id=track.workspace_id,
        changes={"password": password},
        actor=actor,
        reason=reason,
    )


nudge_approver = reasoned_action(
    label="Nudge",
    permission="approvals.nudge_ask",
    says="A reminder goes out now, whatever the hour. Not within four hours of another.",
    act=_nudge,
    form=WhomForm,
    fits=_is_open,
    icon="notifications_active",
)
resend = reasoned_action(
    label="Resend",
    permission="approvals.resend_ask",
    says="The notice goes out again with a new code. The codes mailed before end now.",
    act=_resend,
    form=WhomForm,
    fits=_is_open,
    icon="forward_to_inbox",
)
reassign_seat = reasoned_action(
    label="Reassign",
    permission="approvals.reassign_ask",
    says="Somebody else is asked in place of one of the approvers.",
    act=_reassign,
    form=ReassignForm,
    fits=_is_open,
    icon="swap_horiz",
)
revoke = reasoned_action(
    label="Revoke browsers",
    permission="approvals.revoke_grant",
    says="Every browser that has proven this mailbox for this track, or for the queue, is asked "
    "again at its next request. Mails under way to it no longer work.",
    act=_revoke,
    form=RevokeForm,
    icon="phonelink_erase",
)
cancel = reasoned_action(
    label="Withdraw",
    permission="approvals.cancel_ask",
    says="The question is withdrawn for good. Whoever was asked sees the reason; the agent goes "
    "on without an answer.",
    act=_cancel,
    fits=_is_open,
    icon="block",
    is_dangerous=True,
)
override = reasoned_action(
    label="Override",
    permission="approvals.override_ask",
    says="You decide in place of the approvers, for good. Everybody sees that staff did: on the "
    "page, the receipt, in the API and in webhooks, with your name and your reason for those "
    "who take part.",
    act=_override,
    form=OverrideForm,
    fits=_is_open,
    icon="gavel",
    is_dangerous=True,
)
set_password = reasoned_action(
    label="Set password",
    permission="tracks.set_track_password",
    says="The page shows nothing before this password is typed. Whoever had unlocked it must do "
    "so again.",
    act=_set_password,
    form=PasswordForm,
    fits=lambda track: not track.is_closed,
    icon="password",
)
clear_password = reasoned_action(
    label="Clear password",
    permission="tracks.set_track_password",
    says="Whoever has the link can look from now on. Answering still takes a proven mailbox.",
    act=_clear_password,
    fits=lambda track: track.is_protected and not track.is_closed,
    icon="lock_open",
    is_dangerous=True,
)
