"""Telling whoever looks after a workspace that a connection does not work any more."""

from uuid import UUID

import structlog

from mirroring.models import Alert
from tracks import owner_mail
from tracks.textpolicy import defuse

log = structlog.get_logger(__name__)


def send(pk: UUID) -> None:
    """Send an alert if it is due; never inside a transaction."""
    alert = Alert.claim(pk)
    if alert is None:
        return
    connection = alert.connection
    log.warning("connection.paused", connection=connection.public_id)
    context = {"connection": connection, "reason": defuse(alert.reason)}
    owner_mail.send(alert, workspace=connection.workspace, template="connection", context=context)
