from tracks.apps import GuardedConfig
from tracks.triggers import Trigger


class WebhooksConfig(GuardedConfig):
    name = "webhooks"
    default = True
    triggers = (
        Trigger("entry_is_final", "webhooks_entry", "UPDATE", "an entry is never changed"),
        Trigger(
            "entry_stays",
            "webhooks_entry",
            "DELETE",
            "an entry is never deleted",
            vendors=("postgresql",),
        ),
    )
