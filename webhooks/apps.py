from tracks.apps import GuardedConfig


class WebhooksConfig(GuardedConfig):
    name = "webhooks"
    default = True
