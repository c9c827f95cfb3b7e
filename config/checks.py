"""Settings that would be dangerous in production stop the start, each with an id and a hint."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connection

from config import targets
from config.env import metrics_token
from tracks.triggers import missing

SHORTEST_SECRET = 40
SHORTEST_TOKEN = 20


@register(Tags.security)
def check_production(**_: Any) -> list[CheckMessage]:
    """Refuse what only the embedded run may do."""
    if settings.EMBEDDED:
        return []
    rules = [
        (
            not settings.IS_HTTPS,
            "PUBLIC_BASE_URL is not https.",
            "Cookies would travel in the clear. Put a TLS proxy in front and set its address.",
            "E001",
        ),
        (
            settings.DEBUG,
            "DEBUG is on.",
            "Leave it off: error pages would show secrets.",
            "E002",
        ),
        (
            len(settings.SECRET_KEY) < SHORTEST_SECRET,
            "SECRET_KEY is missing or short.",
            "Set it to at least 40 random characters.",
            "E003",
        ),
        (
            not _are_keys(settings.SIGNING_KEYS),
            "SIGNING_KEYS is empty, or one of them is short.",
            "Set it to at least 40 random characters; receipts are signed with it.",
            "E004",
        ),
        (
            "*" in settings.ALLOWED_HOSTS,
            "ALLOWED_HOSTS allows every host.",
            "Name the hosts under which Sayso is reached.",
            "E005",
        ),
        (
            not settings.REDIS_URL,
            "REDIS_URL is not set.",
            "Workers and waiting agents need Redis in production.",
            "E006",
        ),
        (
            settings.IS_HTTPS and not settings.TRUSTED_PROXIES,
            "TRUSTED_PROXIES is empty.",
            "Name the networks of the TLS proxy, so that Sayso knows https and client addresses.",
            "E007",
        ),
        (
            "mailbox" in settings.EMAIL_BACKEND,
            "Mail would go to the development mailbox.",
            "Set EMAIL_URL or EMAIL_BACKEND.",
            "E008",
        ),
        (
            apps.is_installed("config.mailbox"),
            "The development mailbox is installed.",
            "Take config.mailbox out: it would show every code to everybody.",
            "E009",
        ),
        (
            0 < len(metrics_token()) < SHORTEST_TOKEN,
            "METRICS_TOKEN is short.",
            "Set it to at least 20 random characters, or leave it out: /metrics is off then.",
            "E011",
        ),
        (
            not _are_keys(settings.FIELD_KEYS),
            "FIELD_KEYS is empty, or one of them is short.",
            "Set it to at least 40 random characters; stored secrets are encrypted with it.",
            "E012",
        ),
        (
            not all(_is_login(text) for text in settings.ANYMAIL_WEBHOOK_SECRET),
            "ANYMAIL_WEBHOOK_SECRET is short, or no name:password.",
            "Set it to a name, a colon and at least 20 random characters.",
            "E014",
        ),
    ]
    return [Error(text, hint, id=f"sayso.{code}") for wrong, text, hint, code in rules if wrong]


def _is_login(text: str) -> bool:
    name, _, password = text.partition(":")
    return bool(name) and len(password) >= SHORTEST_TOKEN


def _are_keys(keys: Sequence[str]) -> bool:
    return bool(keys) and all(len(key) >= SHORTEST_SECRET for key in keys)


@register(Tags.security)
def check_bounces(**_: Any) -> list[CheckMessage]:
    """Warn where a mail service could say which mails came back, and nobody would hear it."""
    if "anymail" not in settings.EMAIL_BACKEND or settings.ANYMAIL_WEBHOOK_SECRET:
        return []
    return [
        CheckWarning(
            "ANYMAIL_WEBHOOK_SECRET is not set: mails that come back go unnoticed.",
            "Set it, and tell your mail service the address (docs/operations.md).",
            id="sayso.W001",
        )
    ]


@register(Tags.security)
def check_egress(**_: Any) -> list[CheckMessage]:
    """Refuse networks that could not be read: nobody would know what is allowed."""
    return [
        Error(
            f"SAYSO_EGRESS_ALLOW has {text!r}, which is no network.",
            "Write networks as CIDRs, separated by commas: 10.1.0.0/16,fd12::/16.",
            id="sayso.E013",
        )
        for text in settings.EGRESS_ALLOW
        if not targets.is_network(text)
    ]


@register(Tags.database)
def check_triggers(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Prove that the triggers which guard final rows exist."""
    if not databases or not _is_migrated():
        return []
    return [
        Error(
            f"The database lacks the trigger {name}.",
            "Run manage.py migrate: it installs every trigger again.",
            id="sayso.E010",
        )
        for config in apps.get_app_configs()
        for name in missing(list(getattr(config, "triggers", ())))
    ]


def _is_migrated() -> bool:
    return "tracks_event" in connection.introspection.table_names()
