"""Pages of tracks and asks (API-17)."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core import signing

from tests.api.agent import Agent
from tests.api.refused import code_of, error_of
from tests.factories import AskFactory, TrackFactory
from tracks.models import Workspace

Make = Callable[[], str]


def make_track(workspace: Workspace) -> str:
    return TrackFactory(workspace=workspace).public_id


def make_ask(workspace: Workspace) -> str:
    return AskFactory(track=TrackFactory(workspace=workspace)).public_id


LISTS = pytest.mark.parametrize(("path", "make"), [("/tracks", make_track), ("/asks", make_ask)])


def page(agent: Agent, path: str, query: str = "") -> tuple[list[str], Any]:
    response = agent.get(f"{path}?{query}")
    assert response.status_code == 200
    body = response.json()
    return [each["id"] for each in body["data"]], body["next_cursor"]


def walk(agent: Agent, path: str, query: str, between: Callable[[], None] | None = None) -> Any:
    """Return the ids of every page, following the cursors."""
    pages, cursor = [], None
    while True:
        ids, cursor = page(agent, path, query + (f"&cursor={cursor}" if cursor else ""))
        pages.append(ids)
        if cursor is None:
            return pages
        if between:
            between()


@LISTS
def test_pages_follow_each_other_without_gap_or_overlap(
    agent: Agent, workspace: Workspace, path: str, make: Any
) -> None:
    newest_first = [make(workspace) for _ in range(7)][::-1]
    assert walk(agent, path, "limit=3") == [
        newest_first[:3],
        newest_first[3:6],
        newest_first[6:],
    ]
    assert walk(agent, path, "limit=7") == [newest_first]
    assert [len(each) for each in walk(agent, path, "limit=1")] == [1] * 7


@LISTS
def test_what_is_added_meanwhile_neither_skips_nor_doubles_anything(
    agent: Agent, workspace: Workspace, path: str, make: Any
) -> None:
    newest_first = [make(workspace) for _ in range(6)][::-1]
    pages = walk(agent, path, "limit=2", between=lambda: make(workspace))
    assert [each for ids in pages for each in ids] == newest_first


@LISTS
def test_a_page_has_25_unless_another_number_is_asked_for(
    agent: Agent, workspace: Workspace, path: str, make: Any
) -> None:
    for _ in range(26):
        make(workspace)
    assert [len(each) for each in walk(agent, path, "")] == [25, 1]
    assert [len(each) for each in walk(agent, path, "limit=100")] == [26]


def test_filters_hold_on_every_page(agent: Agent, workspace: Workspace) -> None:
    for number in range(4):
        track = make_track(workspace)
        if number % 2:
            agent.post(f"/tracks/{track}/complete")
    pages = walk(agent, "/tracks", "limit=1&status=active")
    assert [len(each) for each in pages] == [1, 1]


def test_the_last_row_of_a_full_page_may_be_gone_by_the_next(
    agent: Agent, workspace: Workspace
) -> None:
    """The cursor is a place, not a row."""
    newest_first = [make_track(workspace) for _ in range(3)][::-1]
    _, cursor = page(agent, "/tracks", "limit=1&status=active")
    agent.post(f"/tracks/{newest_first[0]}/complete")
    assert page(agent, "/tracks", f"status=active&cursor={cursor}")[0] == newest_first[1:]


@LISTS
def test_a_cursor_that_was_tampered_with_is_refused(
    agent: Agent, workspace: Workspace, path: str, make: Any
) -> None:
    ids = [make(workspace) for _ in range(2)]
    _, cursor = page(agent, path, "limit=1")
    content, _, rest = cursor.partition(":")
    other = base64.urlsafe_b64encode(json.dumps(ids[0][4:]).encode()).decode().rstrip("=")
    forged = signing.dumps(ids[0][4:], key="another key", salt="sayso.cursor")
    for bad in (
        cursor[:-1],
        cursor + "x",
        cursor[1:],
        content,
        f"{other}:{rest}",
        forged,
        ids[0],
        ids[0][4:],
        signing.dumps("not a key", salt="sayso.cursor"),
        signing.dumps(ids[0][4:], salt="another"),
        "0",
        "%2E%2E",
    ):
        response = agent.get(f"{path}?cursor={bad}")
        assert code_of(response) == (422, "invalid"), bad
        assert error_of(response) == ("cursor", "invalid")
