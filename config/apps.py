from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "config"
    default = True

    def ready(self) -> None:
        from config import checks  # noqa: F401  registers the system checks
