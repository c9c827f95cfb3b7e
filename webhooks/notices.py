"""Telling the owner of a workspace that an endpoint needs looking after."""

from uuid import UUID

import structlog

from tracks import owner_mail
from tracks.textpolicy import defuse
from webhooks.models import OwnerNotice

log = structlog.get_logger(__name__)


def send(pk: UUID) -> None:
    """Send a notice if it is due; never inside a transaction."""
    notice = OwnerNotice.claim(pk)
    if notice is None:
        return
    endpoint = notice.endpoint
    log.warning("endpoint.notice", kind=notice.kind, endpoint=endpoint.public_id)
    context = {"notice": notice, "endpoint": endpoint, "url": defuse(endpoint.url)}
    owner_mail.send(notice, workspace=endpoint.workspace, template="endpoint", context=context)
