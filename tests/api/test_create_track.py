"""POST /tracks."""

from typing import Any

import pytest
from django.contrib.auth.hashers import check_password

from tests.api.agent import Agent
from tests.api.refused import UNSAFE, code_of, error_of, nothing_written
from tests.conftest import Clock
from tests.factories import kinds
from tracks.ids import BASE62
from tracks.models import Event, Track

NOW = "2026-11-22T10:00:00.000Z"
LONGEST_ADDRESS = "c" * 64 + "@" + "a" * 63 + "." + "b" * 63 + "." + "d" * 57 + ".com"


def only_track() -> Track:
    return Track.objects.get()


def test_a_track_comes_back_with_everything_it_was_given(agent: Agent, clock: Clock) -> None:
    response = agent.post(
        "/tracks",
        {
            "title": "Vendor invoice batch",
            "steps": ["Fetch", "Parse"],
            "customer_email": "CFO@Acme.com",
            "password": "correct horse",
            "external_id": "batch-7",
            "requester": "clerk@acme.com",
            "metadata": {"b": 1.5, "a": [None, True, {"z": "ü", "y": 0}]},
        },
    )
    track = only_track()
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json() == {
        "id": f"trk_{track.pk.hex}",
        "url": f"http://127.0.0.1:8000/t/{track.slug}",
        "title": "Vendor invoice batch",
        "status": "active",
        "steps": [_pending(0, "Fetch"), _pending(1, "Parse")],
        "customer_email": "CFO@Acme.com",
        "password_protected": True,
        "external_id": "batch-7",
        "requester": "clerk@acme.com",
        "metadata": {"b": 1.5, "a": [None, True, {"z": "ü", "y": 0}]},
        "summary": None,
        "failure": None,
        "open_ask": None,
        "source": None,
        "seq": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }
    assert list(response.json()["metadata"]) == ["b", "a"]
    assert list(response.json()["metadata"]["a"][2]) == ["z", "y"]


def _pending(index: int, title: str) -> dict[str, Any]:
    return {
        "index": index,
        "title": title,
        "status": "pending",
        "detail": None,
        "started_at": None,
        "ended_at": None,
    }


def test_a_title_is_enough(agent: Agent, clock: Clock) -> None:
    body = agent.post("/tracks", {"title": "Vendor invoice batch"}).json()
    assert body | {"id": "", "url": ""} == {
        "id": "",
        "url": "",
        "title": "Vendor invoice batch",
        "status": "active",
        "steps": [],
        "customer_email": None,
        "password_protected": False,
        "external_id": None,
        "requester": None,
        "metadata": {},
        "summary": None,
        "failure": None,
        "open_ask": None,
        "source": None,
        "seq": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }


def test_null_is_the_same_as_nothing_where_it_is_allowed(agent: Agent) -> None:
    nothing = dict.fromkeys(["customer_email", "password", "external_id", "requester"])
    response = agent.post("/tracks", {"title": "A", **nothing})
    assert response.status_code == 201
    assert {name: response.json().get(name) for name in nothing} == nothing


def test_one_event_says_what_was_created_and_keeps_the_password_and_metadata_to_itself(
    agent: Agent,
) -> None:
    agent.post(
        "/tracks",
        {"title": "A", "steps": ["One"], "password": "correct horse", "metadata": {"n": 1.5}},
    )
    event = Event.objects.get()
    assert (event.type, event.actor_type, event.actor_name) == (
        "track.created",
        "agent",
        "Bookkeeper",
    )
    assert event.data == {
        "title": "A",
        "steps": ["One"],
        "customer_email": None,
        "requester": None,
        "external_id": None,
        "password_protected": True,
    }


def test_the_password_is_kept_as_argon2id_with_the_pinned_parameters(agent: Agent) -> None:
    """PG-01."""
    agent.post("/tracks", {"title": "A", "password": "correct horse"})
    stored = only_track().password_hash
    assert stored is not None
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert check_password("correct horse", stored)


def test_the_slug_has_22_characters_of_base62(agent: Agent) -> None:
    agent.post("/tracks", {"title": "A"})
    agent.post("/tracks", {"title": "A"})
    one, other = (track.slug for track in Track.objects.all())
    assert len(one) == len(other) == 22
    assert set(one + other) <= set(BASE62)
    assert one != other


# -- limits, in code points ------------------------------------------------------------------------

AT_THE_LIMIT = [
    {"title": "x"},
    {"title": "é" * 200},
    {"title": "😀" * 200},
    {"title": "e\u0301" * 200},  # 400 code points, 200 after NFC
    {"title": " x "},
    {"title": "A", "steps": []},
    {"title": "A", "steps": ["x"] * 50},
    {"title": "A", "steps": ["😀" * 120]},
    {"title": "A", "password": "12345678"},
    {"title": "A", "password": "ü" * 128},
    {"title": "A", "external_id": "x"},
    {"title": "A", "external_id": "漢" * 255},
    {"title": "A", "customer_email": LONGEST_ADDRESS},
    {"title": "A", "requester": LONGEST_ADDRESS},
    {"title": "A", "metadata": {"k": "x" * 4088}},
    {"title": "A", "metadata": {"k": "é" * 2044}},
]


@pytest.mark.parametrize("body", AT_THE_LIMIT)
def test_a_field_at_its_limit_is_taken(agent: Agent, body: dict[str, Any]) -> None:
    assert agent.post("/tracks", body).status_code == 201


PAST_THE_LIMIT = [
    ({}, "title", "required"),
    ({"title": ""}, "title", "blank"),
    ({"title": " \u3000 "}, "title", "blank"),
    ({"title": "x" * 201}, "title", "max_length"),
    ({"title": "😀" * 201}, "title", "max_length"),
    ({"title": "A", "steps": ["x"] * 51}, "steps", "max_length"),
    ({"title": "A", "steps": ["x", "x" * 121]}, "steps.1", "max_length"),
    ({"title": "A", "steps": ["x", "", "y"]}, "steps.1", "blank"),
    ({"title": "A", "password": "1234567"}, "password", "min_length"),
    ({"title": "A", "password": "😀" * 7}, "password", "min_length"),
    ({"title": "A", "password": "x" * 129}, "password", "max_length"),
    ({"title": "A", "password": ""}, "password", "blank"),
    ({"title": "A", "external_id": ""}, "external_id", "blank"),
    ({"title": "A", "external_id": "x" * 256}, "external_id", "max_length"),
    ({"title": "A", "customer_email": "c" + LONGEST_ADDRESS}, "customer_email", "email"),
    ({"title": "A", "metadata": {"k": "x" * 4089}}, "metadata", "max_length"),
    ({"title": "A", "metadata": {"k": "é" * 2045}}, "metadata", "max_length"),
]


@pytest.mark.parametrize(("body", "field", "code"), PAST_THE_LIMIT)
def test_a_field_past_its_limit_is_refused(
    agent: Agent, body: dict[str, Any], field: str, code: str
) -> None:
    with nothing_written():
        response = agent.post("/tracks", body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (field, code)


# -- types -----------------------------------------------------------------------------------------

WRONG_TYPES = [
    ("title", [1, 1.0, True, None, [], {}, ["x"]]),
    ("steps", ["x", 1, True, None, {}, {"0": "x"}]),
    ("steps.0", [1, None, True, ["x"], {}]),
    ("customer_email", [1, True, ["cfo@acme.com"], {}]),
    ("password", [12345678, True, ["12345678"], {}]),
    ("external_id", [1, 1.5, True, [], {}]),
    ("requester", [1, False, [], {}]),
    ("metadata", ["{}", 1, True, None, [], [["k", "v"]]]),
]


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG_TYPES for value in values]
)
def test_a_value_of_the_wrong_type_is_refused_not_converted(
    agent: Agent, field: str, value: Any
) -> None:
    body: dict[str, Any] = {"title": "A"}
    body |= {"steps": [value]} if field == "steps.0" else {field: value}
    with nothing_written():
        response = agent.post("/tracks", body)
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == field


@pytest.mark.parametrize("name", ["workspace", "status", "id", "slug", "escalate_to", "Title", ""])
def test_an_unknown_field_is_refused(agent: Agent, name: str) -> None:
    with nothing_written():
        response = agent.post("/tracks", {"title": "A", name: "x"})
    assert code_of(response) == (422, "invalid")
    assert error_of(response) == (name, "unknown_field")


def test_unknown_fields_called_like_the_parts_of_an_error_are_reported_like_any_other(
    agent: Agent,
) -> None:
    errors = agent.post("/tracks", {"title": "A", "message": 1, "code": 2}).json()["errors"]
    unknown = {"code": "unknown_field", "detail": "This field is unknown."}
    assert errors == [{"field": "code"} | unknown, {"field": "message"} | unknown]


def test_everything_that_is_wrong_is_reported_at_once(agent: Agent) -> None:
    errors = agent.post("/tracks", {"title": "", "steps": ["", 1], "password": "x"}).json()[
        "errors"
    ]
    assert [(each["field"], each["code"]) for each in errors] == [
        ("title", "blank"),
        ("steps.0", "blank"),
        ("steps.1", "type"),
        ("password", "min_length"),
    ]


# -- text ------------------------------------------------------------------------------------------

DECEPTIVE = [
    ({"title": f"ab{UNSAFE}c"}, "title"),
    ({"title": "A", "steps": ["fine", f"ab{UNSAFE}"]}, "steps.1"),
    ({"title": "A", "password": f"ab{UNSAFE}456789"}, "password"),
    ({"title": "A", "external_id": f"ab{UNSAFE}"}, "external_id"),
]


@pytest.mark.parametrize(("body", "field"), DECEPTIVE)
def test_deceptive_text_is_refused_with_its_place(
    agent: Agent, body: dict[str, Any], field: str
) -> None:
    """AI-02."""
    with nothing_written():
        response = agent.post("/tracks", body)
    assert code_of(response) == (422, "unsafe_text")
    problem = response.json()
    assert problem["field"] == field
    assert problem["detail"] == "U+202E at offset 2 is not allowed here."
    assert error_of(response) == (field, "unsafe_text")


@pytest.mark.parametrize(
    ("character", "label"),
    [
        ("\n", "U+000A"),
        ("\t", "U+0009"),
        ("\0", "U+0000"),
        ("\u200b", "U+200B"),
        ("\u2028", "U+2028"),
        ("\ud800", "U+D800"),
        ("\U000e0041", "U+E0041"),
        ("\ue000", "U+E000"),
    ],
)
def test_a_title_is_one_line_of_what_can_be_seen(agent: Agent, character: str, label: str) -> None:
    response = agent.post("/tracks", {"title": f"A{character}b"})
    assert code_of(response) == (422, "unsafe_text")
    assert response.json()["detail"] == f"{label} at offset 1 is not allowed here."


def test_the_offset_counts_code_points_after_normalization(agent: Agent) -> None:
    response = agent.post("/tracks", {"title": f"😀e\u0301{UNSAFE}"})
    assert response.json()["detail"] == "U+202E at offset 2 is not allowed here."


def test_text_is_stored_in_nfc_and_never_trimmed(agent: Agent) -> None:
    body = agent.post("/tracks", {"title": " cafe\u0301 ", "steps": [" \u212b "]}).json()
    assert body["title"] == " caf\u00e9 "
    assert body["steps"][0]["title"] == " \u00c5 "


def test_an_emoji_sequence_is_fine(agent: Agent) -> None:
    family = "👨‍👩‍👧 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿"
    assert agent.post("/tracks", {"title": family}).json()["title"] == family


# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "",
        "cfo",
        "@acme.com",
        "cfo@",
        "a@x.com, b@y.com",
        "a@x.com;b@y.com",
        '"a\nBcc: z"@x.com',
        "a@x.com%0aBcc:",
        "a@x.com\nBcc: z@y.com",
        "<a@x.com>",
        "CFO <a@x.com>",
        '"quoted local"@x.com',
        " a@x.com",
        "a@x.com ",
        "a@[127.0.0.1]",
        "a@localhost",
        "a@x..com",
        "a@x.com\0",
        f"a{UNSAFE}b@x.com",
        "a\ud800b@x.com",
        "x" * 300 + "@x.com",
    ],
)
@pytest.mark.parametrize("field", ["customer_email", "requester"])
def test_one_address_or_nothing(agent: Agent, field: str, address: str) -> None:
    """ML-19."""
    with nothing_written():
        response = agent.post("/tracks", {"title": "A", field: address})
    assert code_of(response) == (422, "invalid")
    assert error_of(response)[0] == field


@pytest.mark.parametrize(
    "address",
    ["CFO@Acme.COM", "jürgen@müller.de", "cfo+invoices@acme.com", "o'neil@acme.co.uk", "a@b.local"],
)
def test_an_address_is_kept_as_it_was_written(agent: Agent, address: str) -> None:
    """ML-20."""
    body = agent.post("/tracks", {"title": "A", "customer_email": address}).json()
    assert body["customer_email"] == address


@pytest.mark.parametrize(
    ("customer", "requester"),
    [
        ("cfo@acme.com", "cfo@acme.com"),
        ("cfo@acme.com", "CFO@ACME.com"),
        ("cfo@müller.de", "cfo@xn--mller-kva.de"),
        ("CFO@MÜLLER.de", "cfo@xn--mller-kva.DE"),
        ("jürgen@acme.com", "JÜRGEN@acme.com"),
    ],
)
def test_whoever_requests_cannot_approve_in_any_spelling(
    agent: Agent, customer: str, requester: str
) -> None:
    body = {"title": "A", "customer_email": customer, "requester": requester}
    with nothing_written():
        response = agent.post("/tracks", body)
    assert code_of(response) == (422, "self_approval")
    assert error_of(response) == ("customer_email", "self_approval")


# -- external_id -----------------------------------------------------------------------------------

BATCH = {
    "title": "A",
    "steps": ["One"],
    "customer_email": "cfo@acme.com",
    "external_id": "batch-7",
    "metadata": {"a": 1, "b": 2},
}


def test_the_same_external_id_and_body_is_the_existing_track(agent: Agent) -> None:
    first = agent.post("/tracks", BATCH)
    with nothing_written():
        second = agent.post("/tracks", BATCH)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()


def test_the_existing_track_comes_back_as_it_is_now(agent: Agent) -> None:
    track_id = agent.post("/tracks", BATCH).json()["id"]
    agent.patch(f"/tracks/{track_id}", {"title": "B"})
    agent.post(f"/tracks/{track_id}/complete", {"summary": "Done."})
    again = agent.post("/tracks", BATCH)
    assert again.status_code == 200
    assert (again.json()["title"], again.json()["status"]) == ("B", "completed")


def test_what_the_body_leaves_out_is_the_same_as_its_default(agent: Agent) -> None:
    first = agent.post("/tracks", {"title": "A", "external_id": "x"})
    spelled_out = {"title": "A", "external_id": "x", "steps": [], "metadata": {}, "requester": None}
    second = agent.post("/tracks", spelled_out)
    assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])


def test_the_same_password_again_is_the_same_body(agent: Agent) -> None:
    body = {"title": "A", "external_id": "x", "password": "correct horse"}
    assert agent.post("/tracks", body).status_code == 201
    assert agent.post("/tracks", body).status_code == 200
    assert code_of(agent.post("/tracks", body | {"password": "another horse"})) == (
        409,
        "external_id_taken",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"title": "B"},
        {"steps": ["One", "Two"]},
        {"customer_email": "CFO@acme.com"},
        {"customer_email": None},
        {"password": "correct horse"},
        {"requester": "clerk@acme.com"},
        {"metadata": {"a": 1, "b": 3}},
        {"metadata": {"a": True, "b": 2}},
    ],
)
def test_another_body_under_a_taken_external_id_is_refused_with_the_tracks_id(
    agent: Agent, change: dict[str, Any]
) -> None:
    track_id = agent.post("/tracks", BATCH).json()["id"]
    with nothing_written():
        response = agent.post("/tracks", BATCH | change)
    assert code_of(response) == (409, "external_id_taken")
    assert response.json()["track_id"] == track_id


def test_two_workspaces_can_use_one_external_id(agent: Agent, stranger: Agent) -> None:
    ours = agent.post("/tracks", BATCH)
    theirs = stranger.post("/tracks", BATCH | {"title": "B"})
    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert ours.json()["id"] != theirs.json()["id"]


def test_tracks_without_an_external_id_are_never_the_same(agent: Agent) -> None:
    assert agent.post("/tracks", {"title": "A"}).status_code == 201
    assert agent.post("/tracks", {"title": "A"}).status_code == 201
    assert Track.objects.count() == 2
    assert [kinds(track) for track in Track.objects.all()] == [["track.created"]] * 2
