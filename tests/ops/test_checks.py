"""Settings that are dangerous in production: each is refused under its own id."""

from typing import Any

import pytest
from django.apps import apps
from pytest_django import Settings

from config.checks import check_bounces, check_production

LONG = "x" * 40
GOOD: dict[str, Any] = {
    "EMBEDDED": False,
    "DEBUG": False,
    "IS_HTTPS": True,
    "SECRET_KEY": LONG,
    "SIGNING_KEYS": [LONG],
    "FIELD_KEYS": [LONG],
    "ALLOWED_HOSTS": ["sayso.example.com"],
    "REDIS_URL": "redis://localhost:6379/0",
    "TRUSTED_PROXIES": ["10.0.0.0/8"],
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
}


@pytest.fixture
def production(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as they should be; the mailbox app is hidden, which only the embedded run has."""
    for name, value in GOOD.items():
        setattr(settings, name, value)
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "config.mailbox")
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    return settings


def _ids() -> list[str]:
    return [str(message.id) for message in check_production()]


def test_good_settings_pass(production: Settings) -> None:
    assert _ids() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("IS_HTTPS", False, "sayso.E001"),
        ("DEBUG", True, "sayso.E002"),
        ("SECRET_KEY", "x" * 39, "sayso.E003"),
        ("SIGNING_KEYS", [], "sayso.E004"),
        ("SIGNING_KEYS", [LONG, "short"], "sayso.E004"),
        ("ALLOWED_HOSTS", ["*"], "sayso.E005"),
        ("REDIS_URL", "", "sayso.E006"),
        ("TRUSTED_PROXIES", [], "sayso.E007"),
        ("EMAIL_BACKEND", "config.mailbox.backend.MailboxBackend", "sayso.E008"),
        ("FIELD_KEYS", [], "sayso.E012"),
        ("FIELD_KEYS", ["short"], "sayso.E012"),
        ("ANYMAIL_WEBHOOK_SECRET", ["post:" + "x" * 19], "sayso.E014"),
        ("ANYMAIL_WEBHOOK_SECRET", ["post:" + "x" * 20, "x" * 40], "sayso.E014"),
    ],
)
def test_a_dangerous_setting_is_refused(
    production: Settings, name: str, value: Any, expected: str
) -> None:
    setattr(production, name, value)
    assert _ids() == [expected]


def test_the_mailbox_is_refused(production: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "is_installed", lambda name: True)
    assert _ids() == ["sayso.E009"]


def test_a_short_token_of_the_metrics_is_refused(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "x" * 19)
    assert _ids() == ["sayso.E011"]
    monkeypatch.setenv("METRICS_TOKEN", "x" * 20)
    assert _ids() == []


def test_the_embedded_run_may_do_all_of_it(production: Settings) -> None:
    production.EMBEDDED = True
    production.IS_HTTPS = False
    production.REDIS_URL = ""
    assert _ids() == []


def test_each_refusal_says_what_to_do(production: Settings) -> None:
    production.REDIS_URL = ""
    production.SECRET_KEY = "short"
    assert all(message.hint for message in check_production())


def test_a_mail_service_that_cannot_say_what_came_back_is_warned_of(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL_WEBHOOK_SECRET = []
    assert [message.id for message in check_bounces()] == ["sayso.W001"]
    settings.ANYMAIL_WEBHOOK_SECRET = ["post:" + "x" * 20]
    assert check_bounces() == []
    settings.ANYMAIL_WEBHOOK_SECRET = []
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert check_bounces() == []
