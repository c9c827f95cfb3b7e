"""That somebody has seen an ask."""

from uuid import UUID

from approvals.models import Ask, FirstView
from approvals.transitions import Evidence, lock_asks
from tracks.actors import Actor
from tracks.events import record
from tracks.transactions import transition


@transition
def record_first_view(*, ask_id: UUID, evidence: Evidence) -> None:
    """Record that a verified approver has seen an open ask, once per ask and address."""
    here = lock_asks(Ask.objects.values_list("track_id", flat=True).get(pk=ask_id))
    ask = here.ask(ask_id)
    if ask.status != Ask.Status.OPEN:
        return
    _, is_first = FirstView.objects.get_or_create(
        ask=ask,
        approver=evidence.approver,
        defaults={"at": here.now, "ip": evidence.ip, "user_agent": evidence.user_agent},
    )
    if is_first:
        address = evidence.approver.address
        data = {"ask_id": ask.public_id, "approver": address}
        actor = Actor("approver", address)
        record(here.track, "approver.viewed", actor=actor, at=here.now, data=data)
