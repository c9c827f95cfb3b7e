"""Staff settling an ask in place of its approvers. It is shown to everybody as what it is."""

from uuid import UUID

from approvals.grants import Client
from approvals.models import Answer, Ask, Override
from approvals.refusals import AskNotOpen, DecidedElsewhere
from approvals.transitions import lock_asks, settle_ask
from tracks.actors import Actor
from tracks.transactions import transition


@transition
def override_ask(
    *, ask_id: UUID, track_id: UUID, value: bool | str, reason: str, actor: Actor, client: Client
) -> Override:
    """Settle an open ask by the word of staff. What its approvers have said so far stays.

    The value is one that an approver could have given; the caller has checked that.
    """
    here = lock_asks(track_id)
    ask = here.ask_with_table(ask_id)
    if ask.status != Ask.Status.OPEN:
        raise AskNotOpen(ask)
    if here.track.comes_from is not None and here.track.comes_from.decides_there:
        raise DecidedElsewhere()
    override = Override.objects.create(
        ask=ask,
        by=actor.name,
        value=value,
        reason=reason,
        at=here.now,
        ip=client.ip,
        user_agent=client.user_agent,
    )
    answer = Answer(ask=ask, override=override, value=override.value)
    said = {
        "ask_id": ask.public_id,
        "approver": None,
        "on_behalf_of": None,
        "comment": reason,
        "verified_by": override.verified_by,
        "overridden": True,
    }
    settle_ask(here.track, answer, actor=actor, said=said, now=here.now)
    return override
