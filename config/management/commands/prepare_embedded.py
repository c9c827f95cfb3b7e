"""`manage.py prepare_embedded`: everything the embedded run needs before it starts."""

import secrets
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config.embedded import state
from tracks.models import ApiKey, Workspace
from tracks.models.workspace import KeyParts

WORKSPACE = "Acme"
AGENT = "Quickstart agent"


class Command(BaseCommand):
    help = "Migrate, and make a workspace, a staff user and an API key unless they are there."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("This prepares the embedded run only.")
        _lay_out_broker()
        call_command("migrate", interactive=False, verbosity=0)
        _ensure_staff_user()
        _ensure_api_key()


def _lay_out_broker() -> None:
    state.empty_broker()
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    for folder in ("data_folder_in", "data_folder_out", "control_folder"):
        state.make_folder(Path(options[folder]))
    # The processes that start next all want the queue, and its table is no file that appears whole.
    with current_app.connection_for_write() as broker:
        current_app.amqp.queues[current_app.conf.task_default_queue](broker).declare()


def _ensure_staff_user() -> None:
    users = get_user_model().objects
    if not users.filter(username=state.ADMIN).exists():
        password = secrets.token_urlsafe(12)
        state.keep("admin_password", password)
        users.create_superuser(state.ADMIN, password=password)


def _ensure_api_key() -> None:
    if _is_good(state.kept("api_key")):
        return
    workspace = Workspace.objects.order_by("created_at").first()
    if workspace is None:
        workspace = Workspace.objects.create(name=WORKSPACE)
    _, text = ApiKey.issue(workspace=workspace, name=AGENT)
    state.keep("api_key", text)


def _is_good(text: str) -> bool:
    parts = KeyParts.parse(text)
    if parts is None:
        return False
    keys = ApiKey.objects.filter(key_id=parts.key_id, secret_hash=parts.secret_hash)
    return keys.filter(revoked_at=None, expires_at=None).exists()
