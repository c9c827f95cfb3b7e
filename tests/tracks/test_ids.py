"""Identifiers: ordered by time inside, opaque outside."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tracks.ids import BASE62, earliest_id, new_id, parse_public_id, public_id, random_base62

PK = UUID("01a20207-d39f-7717-99de-251e9c85cf4d")


def test_later_keys_sort_behind_earlier_ones() -> None:
    keys = [new_id() for _ in range(2000)]
    assert sorted(keys) == keys
    assert len(set(keys)) == 2000
    assert {key.version for key in keys} == {7}


def test_a_public_id_is_a_prefix_and_the_key() -> None:
    assert public_id("trk", PK) == "trk_01a20207d39f771799de251e9c85cf4d"
    assert parse_public_id("trk", "trk_01a20207d39f771799de251e9c85cf4d") == PK


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trk_",
        "01a20207d39f771799de251e9c85cf4d",
        "ask_01a20207d39f771799de251e9c85cf4d",
        "trk_01A20207D39F771799DE251E9C85CF4D",
        "trk_01a20207d39f771799de251e9c85cf4",
        "trk_01a20207d39f771799de251e9c85cf4d0",
        "trk_01a20207-d39f-7717-99de-251e9c85cf4d",
        "trk_01a20207d39f771799de251e9c85cf4d\n",
        " trk_01a20207d39f771799de251e9c85cf4d",
        "TRK_01a20207d39f771799de251e9c85cf4d",
        "trk_" + "٣" * 32,
    ],
)
def test_anything_else_is_no_id_of_that_kind(text: str) -> None:
    assert parse_public_id("trk", text) is None


def test_random_text_is_base62_and_never_the_same() -> None:
    texts = {random_base62(22) for _ in range(200)}
    assert len(texts) == 200
    assert set("".join(texts)) <= set(BASE62)
    assert {len(text) for text in texts} == {22}


def test_the_earliest_id_of_a_moment_sorts_before_all_made_since_and_behind_all_before() -> None:
    moment = datetime.now(UTC)
    made = new_id()
    assert earliest_id(moment) <= made < earliest_id(moment + timedelta(minutes=1))
    exactly = datetime.fromtimestamp(1.5, UTC)
    assert earliest_id(exactly).hex == f"{1500:012x}{'0' * 20}"
