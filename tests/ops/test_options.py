"""What `make run` makes of HOST, PORT, PUBLIC_BASE_URL and DEMO."""

import pytest

from config.embedded.options import Options, Unusable


@pytest.fixture(autouse=True)
def _free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PUBLIC_BASE_URL", "DEMO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "0")


def test_by_default_only_this_machine_is_answered() -> None:
    options = Options.read()
    assert (options.host, options.base_url) == ("127.0.0.1", f"http://127.0.0.1:{options.port}")
    assert not options.is_open_to_others
    assert options.with_demo


def test_demo_0_starts_no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO", "0")
    assert not Options.read().with_demo


def test_every_address_is_reached_by_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    options = Options.read()
    assert options.base_url == f"http://127.0.0.1:{options.port}"
    assert options.is_open_to_others


def test_the_public_address_may_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://sayso.example.com/")
    assert Options.read().base_url == "https://sayso.example.com"


def test_children_do_not_see_what_the_shell_holds_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "other.settings")
    environment = Options.read().environment()
    assert environment["SAYSO_EMBEDDED"] == "1"
    assert "DATABASE_URL" not in environment
    assert "DJANGO_SETTINGS_MODULE" not in environment


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "http", "PORT=http is not a port"),
        ("PORT", "65536", "PORT=65536 is not a port"),
        ("HOST", "no such host", "HOST=no such host is not an address of this machine."),
        ("HOST", "192.0.2.1", "cannot be used: cannot assign requested address."),
    ],
)
def test_what_cannot_be_had_is_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Unusable) as refusal:
        Options.read()
    assert said in str(refusal.value)
