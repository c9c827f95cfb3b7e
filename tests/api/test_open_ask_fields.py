"""POST /tracks/{id}/asks: every field at its limit, past it, and of the wrong type."""

from typing import Any

import pytest

from tests.api.agent import Agent
from tests.api.refused import UNSAFE, code_of, error_of, nothing_written
from tracks.models import Track

CONFIRM = {"kind": "confirm", "prompt": "Approve?"}
TEXT = {"kind": "text", "prompt": "Why?"}
CHOICE = {"kind": "choice", "prompt": "Which?"}
TWO = [{"value": "a", "label": "Air"}, {"value": "s", "label": "Sea"}]


def ask(agent: Agent, track: Track, body: Any) -> Any:
    return agent.post(f"/tracks/{track.public_id}/asks", body)


def confirm(**config: Any) -> dict[str, Any]:
    return CONFIRM | {"config": config}


def text(**config: Any) -> dict[str, Any]:
    return TEXT | {"config": config}


def choice(options: Any = TWO, **config: Any) -> dict[str, Any]:
    return CHOICE | {"config": {"options": options} | config}


def options(*labels: str) -> list[dict[str, str]]:
    return [{"value": f"{number}", "label": label} for number, label in enumerate(labels)]


def pairs(count: int, length: int = 1) -> dict[str, str]:
    return {f"{number:03}" + "k" * (length - 3): "v" * length for number in range(count)}


# -- at the limit ----------------------------------------------------------------------------------

TAKEN: list[dict[str, Any]] = [
    CONFIRM | {"prompt": "x"},
    CONFIRM | {"prompt": "😀" * 1000},
    CONFIRM | {"prompt": "e\u0301" * 1000},
    CONFIRM | {"prompt": "a\n\tb"},
    CONFIRM | {"timeout_seconds": 1},
    CONFIRM | {"timeout_seconds": 2_592_000},
    CONFIRM | {"key": "x"},
    CONFIRM | {"key": "漢" * 255},
    CONFIRM | {"key": None},
    CONFIRM | {"approvers": ["ceo@acme.com"]},
    CONFIRM | {"approvers": [f"a{n}@acme.com" for n in range(20)], "needed": 20},
    CONFIRM | {"needed": 1},
    CONFIRM | {"escalate_to": None},
    CONFIRM | {"escalate_to": []},
    CONFIRM | {"escalate_to": [f"a{n}@acme.com" for n in range(20)]},
    CONFIRM | {"escalate_to": ["ceo@acme.com"], "escalate_after_seconds": 1},
    CONFIRM | {"escalate_to": ["ceo@acme.com"], "escalate_after_seconds": 2_592_000},
    CONFIRM | {"delegation": "none"},
    CONFIRM | {"delegation": "same_domain"},
    CONFIRM | {"delegation": "any"},
    CONFIRM | {"delegation": None},
    CONFIRM | {"notify": True},
    CONFIRM | {"due_at": "2020-01-01T00:00:00Z"},
    CONFIRM | {"due_at": "2026-11-22t10:00:00.123456z"},
    CONFIRM | {"due_at": "0001-01-01T00:00:00Z"},
    CONFIRM | {"due_at": "9999-12-31T23:59:59.999Z"},
    CONFIRM | {"due_at": None},
    CONFIRM | {"action_digest": "sha256:" + "f" * 64},
    CONFIRM | {"action_digest": None},
    CONFIRM | {"config": {}},
    confirm(accept_label="é" * 80, reject_label="n" * 80),
    confirm(if_accepted="x" * 200, if_rejected="😀" * 200),
    confirm(description="x" * 500),
    confirm(description="a\nb\tc"),
    confirm(details="漢" * 8000),
    confirm(details="a\r\nb"),
    confirm(summary={}),
    confirm(summary=[]),
    confirm(summary=pairs(20, 200)),
    confirm(summary=[["k", "v"]]),
    confirm(summary=[[f"{n}", "v"] for n in range(20)]),
    confirm(risk="low"),
    confirm(risk="medium"),
    confirm(risk="high"),
    TEXT,
    text(validate="short"),
    text(validate="long"),
    text(validate="email"),
    text(validate="url", description="x", summary={"a": "b"}, details="x", risk="low"),
    choice(),
    choice(options("one", "two", "three", "four", "five", "six", "seven", "eight")),
    choice([{"value": "v" * 200, "label": "l" * 200}, {"value": "😀" * 200, "label": "😀" * 200}]),
    choice(description="x", summary={"a": "b"}, details="x", risk="high"),
]


@pytest.mark.parametrize("body", TAKEN)
def test_a_field_at_its_limit_is_taken(agent: Agent, track: Track, body: dict[str, Any]) -> None:
    assert ask(agent, track, body).status_code == 201


# -- past the limit --------------------------------------------------------------------------------

DUE = "2026-11-22T10:00:00Z"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": "x"}, "kind", "required"),
    ({"kind": "confirm"}, "prompt", "required"),
    (CONFIRM | {"kind": "Confirm"}, "kind", "invalid_choice"),
    (CONFIRM | {"kind": "rating"}, "kind", "invalid_choice"),
    (CONFIRM | {"kind": ""}, "kind", "invalid_choice"),
    (CONFIRM | {"prompt": ""}, "prompt", "blank"),
    (CONFIRM | {"prompt": "\n\t \u3000"}, "prompt", "blank"),
    (CONFIRM | {"prompt": "x" * 1001}, "prompt", "max_length"),
    (CONFIRM | {"prompt": "😀" * 1001}, "prompt", "max_length"),
    (CONFIRM | {"timeout_seconds": 0}, "timeout_seconds", "min_value"),
    (CONFIRM | {"timeout_seconds": -1}, "timeout_seconds", "min_value"),
    (CONFIRM | {"timeout_seconds": 2_592_001}, "timeout_seconds", "max_value"),
    (CONFIRM | {"timeout_seconds": 10**400}, "timeout_seconds", "max_value"),
    (CONFIRM | {"key": ""}, "key", "blank"),
    (CONFIRM | {"key": "x" * 256}, "key", "max_length"),
    (CONFIRM | {"approvers": []}, "approvers", "min_length"),
    (CONFIRM | {"approvers": ["nobody"]}, "approvers.0", "email"),
    (CONFIRM | {"approvers": ["a@b.com, c@d.com"]}, "approvers.0", "email"),
    (CONFIRM | {"approvers": ["a@b.com", "A@B.COM"]}, "approvers", "distinct"),
    (CONFIRM | {"approvers": [f"a{n}@b.com" for n in range(21)]}, "approvers", "max_length"),
    (CONFIRM | {"needed": 0}, "needed", "min_value"),
    (CONFIRM | {"needed": 21}, "needed", "max_value"),
    (CONFIRM | {"needed": 2}, "needed", "max_value"),
    (CONFIRM | {"approvers": ["a@b.com", "c@d.com"], "needed": 3}, "needed", "max_value"),
    (TEXT | {"approvers": ["a@b.com", "c@d.com"], "needed": 2}, "needed", "max_value"),
    (CONFIRM | {"escalate_to": ["nobody"]}, "escalate_to.0", "email"),
    (CONFIRM | {"escalate_to": ["a@b.com", "A@b.com"]}, "escalate_to", "distinct"),
    (CONFIRM | {"escalate_to": [f"a{n}@b.com" for n in range(21)]}, "escalate_to", "max_length"),
    (CONFIRM | {"escalate_to": ["CFO@acme.com"]}, "escalate_to", "invalid"),
    (CONFIRM | {"escalate_after_seconds": 60}, "escalate_to", "required"),
    (
        CONFIRM | {"escalate_to": ["ceo@acme.com"], "escalate_after_seconds": 0},
        "escalate_after_seconds",
        "min_value",
    ),
    (
        CONFIRM | {"escalate_to": ["ceo@acme.com"], "escalate_after_seconds": 2_592_001},
        "escalate_after_seconds",
        "max_value",
    ),
    (CONFIRM | {"delegation": "all"}, "delegation", "invalid_choice"),
    (CONFIRM | {"due_at": "2026-11-22"}, "due_at", "type"),
    (CONFIRM | {"due_at": "2026-11-22T10:00:00"}, "due_at", "type"),
    (CONFIRM | {"due_at": "2026-11-22 10:00:00Z"}, "due_at", "type"),
    (CONFIRM | {"due_at": "20261122T100000Z"}, "due_at", "type"),
    (CONFIRM | {"due_at": "2026-W47-7T10:00:00Z"}, "due_at", "type"),
    (CONFIRM | {"due_at": "2026-11-22T10:00Z"}, "due_at", "type"),
    (CONFIRM | {"due_at": "2026-11-22T10:00:00+0100"}, "due_at", "type"),
    (CONFIRM | {"due_at": f"{DUE}\n"}, "due_at", "type"),
    (CONFIRM | {"due_at": f" {DUE}"}, "due_at", "type"),
    (CONFIRM | {"due_at": "tomorrow"}, "due_at", "type"),
    (CONFIRM | {"due_at": ""}, "due_at", "type"),
    (CONFIRM | {"due_at": "２０２６-11-22T10:00:00Z"}, "due_at", "type"),
    (CONFIRM | {"due_at": "2026-02-30T10:00:00Z"}, "due_at", "invalid"),
    (CONFIRM | {"due_at": "2026-11-22T24:00:01Z"}, "due_at", "invalid"),
    (CONFIRM | {"due_at": "0000-11-22T10:00:00Z"}, "due_at", "invalid"),
    (CONFIRM | {"due_at": "0001-01-01T00:00:00+23:00"}, "due_at", "overflow"),
    (CONFIRM | {"due_at": "9999-12-31T23:59:59-23:00"}, "due_at", "overflow"),
    (CONFIRM | {"action_digest": ""}, "action_digest", "blank"),
    (CONFIRM | {"action_digest": "f" * 64}, "action_digest", "pattern"),
    (CONFIRM | {"action_digest": "sha256:" + "f" * 63}, "action_digest", "pattern"),
    (CONFIRM | {"action_digest": "sha256:" + "F" * 64}, "action_digest", "pattern"),
    (CONFIRM | {"action_digest": "sha512:" + "f" * 64}, "action_digest", "pattern"),
    (CONFIRM | {"action_digest": "sha256:" + "f" * 65}, "action_digest", "max_length"),
    (CONFIRM | {"action_digest": " sha256:" + "f" * 63}, "action_digest", "pattern"),
    (confirm(accept_label=""), "config.accept_label", "blank"),
    (confirm(accept_label="x" * 81), "config.accept_label", "max_length"),
    (confirm(reject_label="x" * 81), "config.reject_label", "max_length"),
    (confirm(if_accepted="x" * 201), "config.if_accepted", "max_length"),
    (confirm(if_rejected="😀" * 201), "config.if_rejected", "max_length"),
    (confirm(if_rejected=""), "config.if_rejected", "blank"),
    (confirm(description=""), "config.description", "blank"),
    (confirm(description="x" * 501), "config.description", "max_length"),
    (confirm(details="x" * 8001), "config.details", "max_length"),
    (confirm(details="\n"), "config.details", "blank"),
    (confirm(summary=pairs(21, 3)), "config.summary", "max_length"),
    (confirm(summary={"k": "x" * 201}), "config.summary.k", "max_length"),
    (confirm(summary={"k" * 201: "v"}), f"config.summary.{'k' * 201}", "max_length"),
    (confirm(summary={"k": ""}), "config.summary.k", "blank"),
    (confirm(summary={"": "v"}), "config.summary", "blank"),
    (confirm(summary=[["k", "v"], ["k", "w"]]), "config.summary", "distinct"),
    (confirm(summary={"\u00e9": "1", "e\u0301": "2"}), "config.summary", "distinct"),
    (confirm(summary=[["k", "v"], ["l", " "]]), "config.summary.1", "blank"),
    (confirm(summary=[["k"]]), "config.summary", "type"),
    (confirm(summary=[["k", "v", "w"]]), "config.summary", "type"),
    (confirm(summary=["kv"]), "config.summary", "type"),
    (confirm(summary=[{"k": "v", "l": "w"}]), "config.summary", "type"),
    (confirm(risk="extreme"), "config.risk", "invalid_choice"),
    (confirm(risk=""), "config.risk", "invalid_choice"),
    (text(validate="phone"), "config.validate", "invalid_choice"),
    (CHOICE, "config.options", "required"),
    (choice([]), "config.options", "min_length"),
    (choice(options("one")), "config.options", "min_length"),
    (choice(options(*"abcdefghi")), "config.options", "max_length"),
    (choice([{"value": "a", "label": "x" * 201}, TWO[1]]), "config.options.0.label", "max_length"),
    (choice([TWO[0], {"value": "v" * 201, "label": "x"}]), "config.options.1.value", "max_length"),
    (choice([TWO[0], {"value": "", "label": "x"}]), "config.options.1.value", "blank"),
    (choice([TWO[0], {"value": "x"}]), "config.options.1.label", "required"),
    (choice([TWO[0], TWO[1] | {"hint": "x"}]), "config.options.1.hint", "unknown_field"),
    (choice([TWO[0], TWO[0] | {"label": "B"}]), "config.options", "distinct"),
]


@pytest.mark.parametrize(("body", "field", "code"), REFUSED)
def test_a_field_past_its_limit_is_refused_by_its_path(
    agent: Agent, track: Track, body: dict[str, Any], field: str, code: str
) -> None:
    """API-19."""
    with nothing_written():
        response = ask(agent, track, body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


# -- a field of another kind, or of none -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (CONFIRM | {"workspace": "x"}, "workspace"),
        (CONFIRM | {"status": "answered"}, "status"),
        (CONFIRM | {"answer": True}, "answer"),
        (CONFIRM | {"display_digest": "x"}, "display_digest"),
        (confirm(foo=1), "config.foo"),
        (confirm(options=TWO), "config.options"),
        (confirm(validate="short"), "config.validate"),
        (text(accept_label="x"), "config.accept_label"),
        (text(options=TWO), "config.options"),
        (choice(validate="short"), "config.validate"),
        (choice(if_accepted="x"), "config.if_accepted"),
    ],
)
def test_a_field_that_this_kind_does_not_have_is_refused(
    agent: Agent, track: Track, body: dict[str, Any], field: str
) -> None:
    with nothing_written():
        response = ask(agent, track, body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, "unknown_field")


# -- types -----------------------------------------------------------------------------------------

NO_TEXTS: list[Any] = [1, 1.0, True, False, None, [], {}, ["x"]]
NO_NUMBERS: list[Any] = ["1", "", 1.0, 1.5, True, False, None, [], {}, [1]]
NO_FLAGS: list[Any] = [1, 0, "true", "", None, [], {}]
WRONG: list[tuple[str, list[Any]]] = [
    ("kind", [*NO_TEXTS, ["confirm"], {"confirm": 1}]),
    ("prompt", NO_TEXTS),
    ("timeout_seconds", NO_NUMBERS),
    ("key", [1, 1.0, True, [], {}]),
    ("approvers", ["ceo@acme.com", 1, True, {}, {"0": "ceo@acme.com"}]),
    ("approvers.0", NO_TEXTS),
    ("needed", NO_NUMBERS),
    ("escalate_to", ["ceo@acme.com", 1, True, {}, {"0": "ceo@acme.com"}]),
    ("escalate_after_seconds", [each for each in NO_NUMBERS if each is not None]),
    ("delegation", [each for each in NO_TEXTS if each is not None]),
    ("notify", NO_FLAGS),
    ("due_at", [1, 1.0, True, [], {}, 1795341600]),
    ("action_digest", [1, True, [], {}]),
    ("config", ["{}", 1, True, None, [], [["accept_label", "x"]]]),
    ("config.accept_label", NO_TEXTS),
    ("config.if_accepted", NO_TEXTS),
    ("config.description", NO_TEXTS),
    ("config.details", NO_TEXTS),
    ("config.summary", ["x", 1, 1.0, True, None]),
    ("config.summary.k", NO_TEXTS),
    ("config.risk", NO_TEXTS),
    ("config.validate", NO_TEXTS),
    ("config.options", ["ab", 1, True, None, {}, {"0": TWO[0], "1": TWO[1]}]),
    ("config.options.0", ["a", 1, None, [], ["a", "Air"]]),
    ("config.options.0.value", NO_TEXTS),
    ("config.options.0.label", NO_TEXTS),
]


def with_value(field: str, value: Any) -> dict[str, Any]:
    """Return a body that is right but for the value of one field."""
    top, _, rest = field.partition(".")
    match top, rest.split("."):
        case "approvers", ["0"]:
            return CONFIRM | {"approvers": [value]}
        case "config", ["options", "0", part]:
            return choice([TWO[0] | {part: value}, TWO[1]])
        case "config", ["options", "0"]:
            return choice([value, TWO[1]])
        case "config", ["summary", "k"]:
            return confirm(summary={"k": value})
        case "config", ["validate"]:
            return text(validate=value)
        case "config", ["options"]:
            return choice(value)
        case "config", [name] if name:
            return confirm(**{name: value})
    return CONFIRM | {field: value}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG for value in values]
)
def test_a_value_of_the_wrong_type_is_refused_not_converted(
    agent: Agent, track: Track, field: str, value: Any
) -> None:
    with nothing_written():
        response = ask(agent, track, with_value(field, value))
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] in (field, f"{field}.0")


# -- text ------------------------------------------------------------------------------------------

TEXTS = [
    "prompt",
    "key",
    "config.accept_label",
    "config.reject_label",
    "config.if_accepted",
    "config.if_rejected",
    "config.description",
    "config.details",
    "config.summary.k",
    "config.options.0.label",
    "config.options.0.value",
]
MULTILINE = {"prompt", "config.description", "config.details"}


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    "character", [UNSAFE, "\u200b", "\U000e0041", "\x07", "\ufeff", "\u2066", "\ud83d", "\u3164"]
)
def test_deceptive_text_is_refused_by_path_code_point_and_offset(
    agent: Agent, track: Track, field: str, character: str
) -> None:
    """AI-02."""
    with nothing_written():
        response = ask(agent, track, with_value(field, f"ab{character}c"))
    assert code_of(response) == (422, "unsafe_text")
    problem = response.json()
    assert problem["field"] == field
    assert problem["detail"] == f"U+{ord(character):04X} at offset 2 is not allowed here."
    assert error_of(response) == (field, "unsafe_text")


def test_the_name_of_a_summary_entry_is_text_too(agent: Agent, track: Track) -> None:
    with nothing_written():
        response = ask(agent, track, confirm(summary={f"ab{UNSAFE}": "v"}))
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["field"] == f"config.summary.ab{UNSAFE}"


def test_in_a_list_the_entry_is_named_by_its_place(agent: Agent, track: Track) -> None:
    response = ask(agent, track, confirm(summary=[["k", "v"], ["l", UNSAFE]]))
    assert response.json()["field"] == "config.summary.1"


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("character", ["\n", "\t"])
def test_line_breaks_and_tabs_stand_only_where_they_may(
    agent: Agent, track: Track, field: str, character: str
) -> None:
    response = ask(agent, track, with_value(field, f"a{character}b"))
    if field in MULTILINE:
        assert response.status_code == 201
    else:
        assert code_of(response) == (422, "unsafe_text")
        assert response.json()["field"] == field


def test_deceptive_text_is_named_before_anything_else_that_is_wrong(
    agent: Agent, track: Track
) -> None:
    response = ask(agent, track, CONFIRM | {"key": "", "prompt": UNSAFE})
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["field"] == "prompt"
    assert [each["field"] for each in response.json()["errors"]] == ["prompt", "key"]


def test_text_comes_back_in_nfc_with_plain_line_breaks_and_untrimmed(
    agent: Agent, track: Track
) -> None:
    body = confirm(details=" e\u0301\r\nb\rc ", summary={" e\u0301 ": " v "})
    config = ask(agent, track, body).json()["config"]
    assert config["details"] == " \u00e9\nb\nc "
    assert config["summary"] == {" \u00e9 ": " v "}


# -- labels that look the same ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        ("Pay", "Pay"),
        ("Pay", "pay"),
        ("Pay", "Pау"),  # Cyrillic
        ("Pay now", "Pay  now"),
        ("Pay", "Ｐａｙ"),
        ("Pay", " Pay"),
        ("Mail", "MaiI"),
    ],
)
def test_labels_must_be_distinct_to_the_eye(
    agent: Agent, track: Track, labels: tuple[str, str]
) -> None:
    """AI-06."""
    with nothing_written():
        refused = [
            ask(agent, track, choice(options("Other", *labels))),
            ask(agent, track, confirm(accept_label=labels[0], reject_label=labels[1])),
        ]
    assert [code_of(each) for each in refused] == [(422, "invalid")] * 2
    assert [error_of(each) for each in refused] == [
        ("config.options.2.label", "lookalike"),
        ("config.reject_label", "lookalike"),
    ]


def test_a_label_must_differ_from_the_default_of_the_other(agent: Agent, track: Track) -> None:
    assert error_of(ask(agent, track, confirm(accept_label="NO"))) == (
        "config.reject_label",
        "lookalike",
    )


# -- what comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "config"),
    [
        (CONFIRM, {"accept_label": "Yes", "reject_label": "No"}),
        (TEXT, {"validate": "short"}),
        (CHOICE | {"config": {"options": TWO}}, {"options": TWO}),
        (confirm(reject_label="Hold"), {"reject_label": "Hold", "accept_label": "Yes"}),
    ],
)
def test_config_comes_back_as_sent_with_the_defaults_filled_in(
    agent: Agent, track: Track, body: dict[str, Any], config: dict[str, Any]
) -> None:
    shown = ask(agent, track, body).json()["config"]
    assert (shown, list(shown)) == (config, list(config))


@pytest.mark.parametrize("summary", [{"z": "1", "a": "2", "10": "3", "9": "4"}, [["z", "1"]]])
def test_a_summary_keeps_its_shape_and_its_order(agent: Agent, track: Track, summary: Any) -> None:
    shown = ask(agent, track, confirm(summary=summary)).json()["config"]["summary"]
    assert (shown, list(shown)) == (summary, list(summary))
