from django.apps import AppConfig


class MirroringConfig(AppConfig):
    name = "mirroring"
    default = True
