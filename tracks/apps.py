from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate

from tracks.staff.roles import install_roles
from tracks.triggers import Trigger, install


class GuardedConfig(AppConfig):
    """An app whose tables have triggers; they are installed after each migration."""

    triggers: tuple[Trigger, ...] = ()

    def ready(self) -> None:
        post_migrate.connect(_install_triggers, sender=self)


def _install_triggers(sender: GuardedConfig, **_: Any) -> None:
    wanted = [each for each in sender.triggers if each.name not in settings.TRIGGERS_LEFT_OUT]
    install(wanted)


class TracksConfig(GuardedConfig):
    name = "tracks"
    default = True
    triggers = (
        Trigger("event_is_final", "tracks_event", "UPDATE", "an event is never changed"),
        Trigger(
            "event_stays",
            "tracks_event",
            "DELETE",
            "an event is never deleted",
            vendors=("postgresql",),
        ),
        Trigger(
            "event_log_stays",
            "tracks_event",
            "TRUNCATE",
            "the event log is never emptied",
            vendors=("postgresql",),
        ),
        Trigger("entry_is_final", "tracks_entry", "UPDATE", "an entry is never changed"),
        Trigger(
            "entry_stays",
            "tracks_entry",
            "DELETE",
            "an entry is never deleted",
            vendors=("postgresql",),
        ),
    )

    def ready(self) -> None:
        super().ready()
        post_migrate.connect(_install_roles, sender=self)


def _install_roles(**_: Any) -> None:
    install_roles()
