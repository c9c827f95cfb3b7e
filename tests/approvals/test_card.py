"""What the card says, and when it says that it cannot be trusted. No browser, no page."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from approvals import card
from approvals.display_time import Clock as PageClock
from approvals.display_time import Moment, span, zone_named
from approvals.models import Ask
from tests.conftest import Clock
from tests.factories import AskFactory, config_of

NOW = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def of(ask: Ask) -> card.Card:
    found = Ask.objects.presented().with_everything().select_related("track__workspace")
    return card.of(found.get(pk=ask.pk), clock=PageClock(NOW, BERLIN))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
    ],
)
def test_a_span_is_never_longer_than_it_is(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("zone", "full"),
    [
        ("Europe/Berlin", "Wed 25 Nov 2026, 17:00 CET"),
        ("America/New_York", "Wed 25 Nov 2026, 11:00 EST"),
        ("Asia/Kolkata", "Wed 25 Nov 2026, 21:30 IST"),
        ("America/Sao_Paulo", "Wed 25 Nov 2026, 13:00 UTC-03"),
        ("UTC", "Wed 25 Nov 2026, 16:00 UTC"),
        ("Nowhere/Land", "Wed 25 Nov 2026, 16:00 UTC"),
        ("../etc/passwd", "Wed 25 Nov 2026, 16:00 UTC"),
    ],
)
def test_a_time_names_its_zone(zone: str, full: str) -> None:
    assert Moment(NOW, NOW, zone_named(zone)).full == full


def test_a_time_is_as_short_as_it_can_be() -> None:
    def moment(at: datetime) -> Moment:
        return Moment(at, NOW, BERLIN)

    assert moment(NOW).words == "Wed 25 Nov, 17:00 CET"
    assert moment(NOW + timedelta(days=60)).words == "Sun 24 Jan 2027, 17:00 CET"
    assert moment(NOW).short == "17:00"
    assert moment(NOW + timedelta(hours=8)).short == "26 Nov, 01:00"
    assert moment(NOW + timedelta(days=3)).distance == "in 3 days"
    assert moment(NOW - timedelta(minutes=5)).distance == "5 minutes ago"
    assert moment(NOW).iso == "2026-11-25T16:00:00.000Z"


@pytest.mark.django_db
def test_a_confirms_choices_carry_our_words_and_the_agents() -> None:
    shown = of(
        AskFactory(
            config={
                "accept_label": "Go",
                "reject_label": "Stay",
                "if_accepted": "It leaves.",
                "if_rejected": "It waits.",
            }
        )
    )
    assert shown.choices == [
        card.Choice("true", "Go", "approved", "approve", "It leaves."),
        card.Choice("false", "Stay", "rejected", "reject", "It waits."),
    ]
    assert shown.has_buttons
    assert shown.choice_of(False) == shown.choices[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("labels", "has_buttons"),
    [
        (["Air", "Sea"], True),
        (["x" * 28, "Sea"], True),
        (["x" * 29, "Sea"], False),
        (["A", "B", "C", "D"], True),
        (["A", "B", "C", "D", "E"], False),
    ],
)
def test_up_to_four_short_choices_are_buttons(labels: list[str], has_buttons: bool) -> None:
    options = [{"value": f"v{label}", "label": label} for label in labels]
    shown = of(AskFactory(kind="choice", config={"options": options}))
    assert shown.has_buttons is has_buttons
    assert [each.recorded_as for each in shown.choices] == [f"v{label}" for label in labels]
    assert all(each.says_value for each in shown.choices)


@pytest.mark.django_db
def test_a_value_that_is_its_label_needs_no_second_line() -> None:
    options = [{"value": "Air", "label": "Air"}, {"value": "s", "label": "Sea"}]
    shown = of(AskFactory(kind="choice", config={"options": options}))
    assert [each.says_value for each in shown.choices] == [False, True]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("validate", "type", "longest"),
    [
        ("short", "text", 200),
        ("long", "textarea", 8000),
        ("email", "email", 254),
        ("url", "url", 2000),
    ],
)
def test_a_typed_answer_has_the_control_it_needs(validate: str, type: str, longest: int) -> None:
    shown = of(AskFactory(kind="text", config={"validate": validate}))
    assert shown.input is not None
    assert (shown.input.type, shown.input.longest) == (type, longest)
    assert not shown.has_buttons
    assert shown.if_nothing == "no answer is recorded"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["confirm", "choice", "text"])
def test_what_was_asked_as_it_is_shown_can_be_answered(kind: str) -> None:
    assert of(AskFactory(kind=kind)).can_be_shown


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "ranking"},
        {"prompt": "Approve\u202e?"},
        {"prompt": "Approve something else?"},
        {"config": None},
        {"config": []},
        {"config": {}},
        {"config": {"accept_label": "Yes", "reject_label": "Yes"}},
        {"config": {"accept_label": 1, "reject_label": "No"}},
        {"config": config_of("confirm") | {"surprise": "x"}},
        {"config": config_of("confirm") | {"details": "x" * 8001}},
        {"config": config_of("confirm") | {"risk": "none at all"}},
        {"config": config_of("confirm") | {"description": "put in later"}},
    ],
)
def test_ai_20_anything_else_is_not_offered(changes: dict[str, Any]) -> None:
    shown = of(AskFactory())
    for name, value in changes.items():
        setattr(shown.ask, name, value)
    assert not shown.can_be_shown


@pytest.mark.django_db
def test_a_mails_card_is_short_and_has_nothing_to_click(clock: Clock) -> None:
    ask = AskFactory(
        prompt="Pay www.evil.example?",
        config=config_of("confirm")
        | {
            "summary": {f"Row {number}": "https://evil.example" for number in range(8)},
            "details": "never inlined",
        },
    )
    mailed = card.of_mail(ask)
    assert "evil.example" not in mailed.quoted
    assert mailed.quoted.count("Row") == 6
    assert mailed.more_rows == 2
    assert "never inlined" not in mailed.quoted
    assert all(line.startswith(">") for line in mailed.quoted.split("\n"))
    assert mailed.deadline.full == "Sun 22 Nov 2026, 10:30 UTC"


@pytest.mark.django_db
def test_while_somebody_else_comes_next_the_card_says_when(clock: Clock) -> None:
    ask = AskFactory(
        timeout_seconds=86_400, escalate_to=["ceo@acme.com"], escalate_after_seconds=3600
    )
    shown = of(ask)
    assert shown.if_nothing == "somebody else is asked instead"
    assert shown.deadline.at == clock.now + timedelta(hours=1)
    assert shown.can_be_shown
