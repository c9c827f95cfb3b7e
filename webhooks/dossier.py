"""What the dossier of a track or an ask shows of webhooks: deliveries and every attempt."""

from django.db.models import Prefetch

from approvals.staff.sections import Section, Subject
from webhooks.models import Attempt, Delivery

MOST = 50  # the newest


def section(subject: Subject) -> Section | None:
    """Return the deliveries that tell of a subject, for whoever may look at deliveries."""
    if not subject.user.has_perm("webhooks.view_delivery"):
        return None
    told = Delivery.objects.filter(event__track=subject.track, event__at__gte=subject.since)
    attempts = Prefetch("tried", Attempt.objects.order_by("number"))
    rows = told.select_related("endpoint", "event").prefetch_related(attempts).defer("body")
    return Section(
        title="Webhooks",
        template="admin/dossier/deliveries.html",
        context={"deliveries": list(rows.order_by("-id")[:MOST]), "clock": subject.clock},
    )
