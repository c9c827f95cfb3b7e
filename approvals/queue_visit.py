"""A browser that is signed in to the queue, and what it does there."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from approvals.grants import Client, alive_grants, viewer_token
from approvals.models import Approver, Grant
from approvals.transitions import Evidence
from tracks.clock import database_now


@dataclass(frozen=True, slots=True)
class QueueVisit:
    """One request to the queue of an address."""

    request: HttpRequest
    grant: Grant
    now: datetime

    @property
    def canonical(self) -> str:
        return self.grant.canonical

    @property
    def client(self) -> Client:
        return Client.of(self.request)

    def evidence(self, approver: Approver) -> Evidence:
        """Return what is written down about who answers, in one of the workspaces."""
        return Evidence(
            approver=approver,
            verified_by=self.grant.method,
            verified_at=self.grant.granted_at,
            ip=self.client.ip,
            user_agent=self.client.user_agent,
        )


def queue_visit(request: HttpRequest) -> QueueVisit | None:
    """Return the visit of a browser that is signed in, or None."""
    token, now = viewer_token(request), database_now()
    if not token:
        return None
    grants = alive_grants(token, now).filter(kind=Grant.Kind.QUEUE)
    grant = grants.order_by("-granted_at").first()
    return QueueVisit(request, grant, now) if grant else None


def browser_mark(request: HttpRequest) -> str:
    """Return what tells one browser from another while it types codes."""
    return request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")
