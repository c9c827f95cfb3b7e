from anymail.signals import tracking
from django.utils.module_loading import import_string

from tracks.apps import GuardedConfig
from tracks.triggers import Trigger

_CONTENT = (
    "workspace_id",
    "track_id",
    "content_digest",
    "kind",
    "prompt",
    "config",
    "needed",
    "notify",
    "asked_by",
    "asked_by_key",
    "timeout_seconds",
    "created_at",
    "expires_at",
    "ends_at",
    "escalate_to",
    "delegation",
    "display_digest",
)
_MAY_BE_NULL = (
    "key",
    "risk",
    "due_at",
    "escalate_after_seconds",
    "escalated_from_id",
    "action_digest",
)


class ApprovalsConfig(GuardedConfig):
    name = "approvals"
    default = True
    triggers = (
        Trigger(
            "ask_state_is_final",
            "approvals_ask",
            "UPDATE",
            "a closed ask stays as it is",
            when="OLD.status <> 'open' AND (NEW.status <> OLD.status"
            " OR NEW.closed_at <> OLD.closed_at)",
        ),
        Trigger(
            "ask_content_is_final",
            "approvals_ask",
            "UPDATE",
            "the content of an ask is never changed",
            when=" OR ".join(
                [f"NEW.{column} <> OLD.{column}" for column in _CONTENT + _MAY_BE_NULL]
                + [f"(NEW.{column} IS NULL) <> (OLD.{column} IS NULL)" for column in _MAY_BE_NULL]
            ),
        ),
    )

    def ready(self) -> None:
        """Listen to what mail services say of our mails: anymail tells nobody else."""
        super().ready()
        tracking.connect(import_string("approvals.bounces.on_tracking"))
