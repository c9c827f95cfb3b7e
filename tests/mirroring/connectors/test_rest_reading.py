"""The declarative connector reads: lists, pages, cursors, fields, people."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from mirroring.connectors.base import (
    ConnectorError,
    CursorKind,
    Gone,
    Kind,
    Page,
    Person,
    State,
)
from mirroring.connectors.declarative import directory
from mirroring.connectors.keyset import Position
from mirroring.connectors.rest import Rest
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import rest, row


def pages(connector: Rest, cursor: str | None = None, limit: int = 2) -> list[Page]:
    """Return the pages of one pass."""
    found = []
    for _ in range(20):
        found.append(connector.list(cursor, limit))
        if found[-1].complete:
            return found
        cursor = found[-1].cursor
    raise AssertionError("the pass has no end")


def ids(found: list[Page]) -> list[list[str]]:
    return [[item.external_id for item in page.items] for page in found]


# -- fields ----------------------------------------------------------------------------------------


def test_a_row_becomes_an_item(api: Api) -> None:
    api.on("GET /approvals/7", row())
    item = rest(
        api.url,
        item__url="https://corp.example/approval/{id}",
        item__requester={"from": "owner", "id": "@"},
        item__summary={"Cost centre": "cc", "Tags": "tags", "Empty": "none"},
    ).get("7")
    assert (item.external_id, item.title, item.state) == ("7", "Approval 7", State.PENDING)
    assert item.approvers == (Person(id="al", email="al@corp.example", name="Al"),)
    assert (item.amount, item.currency) == (Decimal("750.5"), "EUR")
    assert item.url == "https://corp.example/approval/7"
    assert (item.requester, item.summary) == (None, ())
    assert [(option.code, option.comment_required) for option in item.options] == [
        ("approve", False),
        ("deny", True),
    ]


def test_an_amount_in_cents_and_a_time_in_milliseconds_are_what_they_mean(api: Api) -> None:
    cents = {"total": {"value": 12050, "unit": "EUR"}, "wanted": 1795341600000}
    api.on("GET /approvals/7", row() | cents)
    item = rest(api.url, item__amount_decimals=2, item__due="wanted").get("7")
    assert (item.amount, item.currency) == (Decimal("120.50"), "EUR")
    assert item.due == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_a_manager_and_details_are_read_where_the_definition_says(api: Api) -> None:
    deciders = [{"login": "al", "boss": {"mail": "cfo@corp.example"}}, {"login": "bo"}]
    api.on("GET /approvals/7", row(deciders=deciders, text="Twelve laptops, one each."))
    item = rest(
        api.url,
        item__approvers={"from": "deciders", "id": "login", "manager": "boss.mail"},
        item__details="text",
    ).get("7")
    assert item.approvers == (Person(id="al", manager="cfo@corp.example"), Person(id="bo"))
    assert item.details == "Twelve laptops, one each."


def test_a_manager_stays_when_the_address_is_looked_up(api: Api) -> None:
    api.on("GET /approvals/7", row(deciders=[{"login": "al", "boss": "cfo@corp.example"}]))
    api.on("GET /users/al", {"mail": "al@corp.example"})
    item = rest(
        api.url,
        item__approvers={"from": "deciders", "id": "login", "manager": "boss"},
        people={"request": {"path": "/users/{person}"}, "email": "mail"},
    ).get("7")
    known = Person(id="al", email="al@corp.example", manager="cfo@corp.example")
    assert item.approvers == (known,)


def test_what_a_word_is_not_known_for_is_unknown(api: Api) -> None:
    api.on("GET /approvals/7", row(status="on hold"), row(status=None), row(status="auto"))
    connector = rest(api.url)
    states = [connector.get("7").state for _ in range(3)]
    assert states == [State.UNKNOWN, State.UNKNOWN, State.APPROVED]


def test_material_is_what_the_definition_says(api: Api) -> None:
    api.on("GET /approvals/7", row(), row(total={"value": 750.51, "unit": "EUR"}), row(subject="x"))
    connector = rest(api.url, item__material=["amount"])
    first, dearer, renamed = (connector.get("7") for _ in range(3))
    assert first.material_digest != dearer.material_digest
    assert first.material_digest == renamed.material_digest
    assert len({first.revision, dearer.revision}) == 2


def test_one_bad_row_harms_no_other(api: Api) -> None:
    bad: list[Any] = [row(1, subject=""), {"subject": "no id"}, "text", None, row("x" * 256)]
    api.on("GET /approvals", {"rows": [row(1), *bad, row(2)]})
    page = rest(api.url).list(None, 10)
    assert ids([page]) == [["1", "2"]]
    assert [(each.which, each.why) for each in page.skipped] == [
        ("1", "it has no title"),
        ("#2", "it has no id"),
        ("#3", "it has no id"),
        ("#4", "it has no id"),
        ("#5", "its id is longer than 255 characters"),
    ]


def test_an_expression_that_does_not_fit_skips_the_row_and_says_which(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1, tags=5), row(2, tags=["a", "b"])]})
    page = rest(api.url, item__summary={"Tags": "join(', ', tags)"}).list(None, 10)
    assert page.items[0].summary == (("Tags", "a, b"),)
    assert page.skipped[0].why.startswith("join(', ', tags): ")


def test_decimals_can_be_calculated_with(api: Api) -> None:
    lines = [{"sum": 0.1}, {"sum": 0.2}, {"sum": 7}]
    api.on("GET /approvals/7", row(lines=lines))
    connector = rest(
        api.url,
        item__amount="sum(lines[].sum)",
        item__summary={"Text": "to_string(lines[0].sum)", "Dear": "lines[?sum > `5`].sum"},
    )
    item = connector.get("7")
    assert item.amount == Decimal("7.3")
    assert item.summary == (("Text", "0.1"), ("Dear", "7"))


def test_an_id_of_several_parts_is_taken_apart_again(api: Api) -> None:
    line = "GET /dags/daily/runs/2026-11-22T10%3A00%2B00%3A00"
    api.on(line, row(dag="daily", run="2026-11-22T10:00+00:00"))
    api.on("GET /approvals", {"rows": [row(dag="daily", run="2026-11-22T10:00+00:00")]})
    connector = rest(
        api.url,
        item__id={"dag": "dag", "run": "run"},
        get__request={"path": "/dags/{id.dag}/runs/{id.run}"},
    )
    listed = connector.list(None, 10).items[0]
    assert listed.external_id == "daily/2026-11-22T10%3A00%2B00%3A00"
    assert connector.get(listed.external_id).external_id == listed.external_id
    with pytest.raises(ConnectorError) as failure:
        connector.get("daily")
    assert failure.value.kind == Kind.BAD_REQUEST


@pytest.mark.parametrize("ref", ["", ".", "..", "../7", "7/../8", "a\\b", "7\n"])
def test_no_id_leads_to_another_path(api: Api, ref: str) -> None:
    """Nor is it gone: nothing was asked."""
    with pytest.raises(ConnectorError) as failure:
        rest(api.url).get(ref)
    assert failure.value.kind == Kind.BAD_REQUEST
    assert api.asked() == []


@pytest.mark.parametrize("key", ["PO/7", "PO\\7", ".."])
def test_what_could_never_be_asked_for_again_is_skipped_and_named(api: Api, key: str) -> None:
    api.on("GET /approvals", {"rows": [row(key), row(8)]})
    page = rest(api.url).list(None, 10)
    assert ids([page]) == [["8"]]
    why = f"{key!r} cannot be part of a path."
    assert [(each.which, each.why) for each in page.skipped] == [(key, why)]


def test_an_id_that_cannot_be_part_of_the_query_is_skipped_and_named(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row("O'7"), row(8)]})
    by_query = {"path": "/approval", "query": {"q": "key = '{id}'"}}
    page = rest(api.url, get__request=by_query).list(None, 10)
    assert ids([page]) == [["8"]]
    assert [each.which for each in page.skipped] == ["O'7"]


def test_another_approval_than_the_one_asked_for_is_none(api: Api) -> None:
    api.on("GET /approvals/7", row(8))
    with pytest.raises(Gone):
        rest(api.url).get("7")


def test_what_the_definition_calls_gone_is_gone(api: Api) -> None:
    api.on("GET /approvals/7", row(deleted=True), {"row": None})
    with pytest.raises(Gone):
        rest(api.url, get__gone="deleted").get("7")
    with pytest.raises(Gone):
        rest(api.url, get__item="row").get("7")


def test_more_can_be_read_along_with_one_approval(api: Api) -> None:
    api.on("GET /approvals/7", row(document="d-9"))
    api.on("GET /documents/d-9", {"text": "Twelve laptops"})
    connector = rest(
        api.url,
        item__values={"document": "document"},
        item__description="also.document.text",
        get__also={"document": {"path": "/documents/{item.document}"}},
    )
    assert connector.get("7").description == "Twelve laptops"
    assert connector.capabilities().list_has_all is False


def test_addresses_are_looked_up_once(api: Api) -> None:
    decider = [{"login": "al"}, {"login": "gone"}, {"login": "bo", "mail": "bo@corp.example"}]
    api.on("GET /approvals", {"rows": [row(1, deciders=decider), row(2, deciders=decider)]})
    api.on("GET /people/al", {"mail": "al@corp.example", "cn": "Al"})
    connector = rest(
        api.url,
        people={"request": {"path": "/people/{person}"}, "email": "mail", "name": "cn"},
    )
    page = connector.list(None, 10)
    assert page.items[1].approvers == (
        Person(id="al", email="al@corp.example", name="Al"),
        Person(id="gone"),
        Person(id="bo", email="bo@corp.example"),
    )
    assert len(api.asked("GET /people/al")) == 1
    assert len(api.asked("GET /people/gone")) == 1


PEOPLE = {"request": {"path": "/people", "query": {"q": "Name = '{person}'"}}, "email": "mail"}


@pytest.mark.parametrize(
    ("login", "answer", "status"),
    [
        ("O'Brien", None, 0),
        ("bo", {"message": "deactivated"}, 403),
        ("bo", {"message": "no such name"}, 400),
        ("bo", b"<html>", 200),
        ("bo", {"mail": {"work": 1}}, 200),
        ("bo", {"mail": "bo\0@corp.example"}, 200),
        ("bo", [], 404),
    ],
)
def test_who_cannot_be_looked_up_has_no_address_and_harms_nobody(
    api: Api, login: str, answer: Any, status: int
) -> None:
    rows = [row(1, deciders=[{"login": login}]), row(2)]
    api.on("GET /approvals", {"rows": rows})
    if status:
        api.on("GET /people", answer, status=status)
    page = rest(api.url, people=PEOPLE).list(None, 10)
    assert [item.approvers for item in page.items] == [
        (Person(id=login),),
        (Person(id="al", email="al@corp.example", name="Al"),),
    ]
    assert page.skipped == ()


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_system_that_fails_knows_nobody_less(api: Api, status: int) -> None:
    api.on("GET /approvals", {"rows": [row(1, deciders=[{"login": "bo"}])]})
    api.on("GET /people", {}, status=status)
    with pytest.raises(ConnectorError) as failure:
        rest(api.url, people=PEOPLE).list(None, 10)
    assert failure.value.status == status


def test_a_page_of_more_people_than_the_budget_has_room_for_is_read_in_the_end(api: Api) -> None:
    deciders = [{"login": f"p{number}"} for number in range(10)]
    api.on("GET /approvals", {"rows": [row(1, deciders=deciders)]})
    api.on("GET /people", {"mail": "someone@corp.example"})
    for _ in range(2):
        connector = rest(api.url, people=PEOPLE)
        connector.session.limit(f"{api.url} first", 10)
        with pytest.raises(ConnectorError, match="budget of 10"):
            connector.list(None, 10)
        assert len(api.asked("GET /people")) == 6
    connector = rest(api.url, people=PEOPLE)
    connector.session.limit(f"{api.url} a minute later", 10)
    (item,) = connector.list(None, 10).items
    assert {person.email for person in item.approvers} == {"someone@corp.example"}
    assert len(api.asked("GET /people")) == 10


def test_what_is_known_of_people_ends_and_is_of_one_account(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(directory, "time", SimpleNamespace(monotonic=lambda: now[0]))
    api.on("GET /approvals/7", row(deciders=[{"login": "bo"}]))
    api.on("GET /people", {"mail": "a@corp.example"}, {"mail": "b@corp.example"}, {})
    seen = []
    for seconds, secrets in (
        (0, "token: one"),
        (0, "token: two"),
        (899, "token: one"),
        (2, "token: one"),
    ):
        now[0] += seconds
        seen.append(rest(api.url, people=PEOPLE, secrets=secrets).get("7").approvers[0].email)
    assert seen == ["a@corp.example", "b@corp.example", "a@corp.example", None]


def test_no_more_people_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MOST", 2)
    for person in ("al", "bo", "al", "cy"):
        directory.keep("way", person, directory.Entry(name=person), seconds=60)
    kept = [directory.recall("way", person) for person in ("al", "bo", "cy")]
    assert kept == [directory.Entry(name="al"), None, directory.Entry(name="cy")]


def test_a_look_at_one_asks_who_people_are_from_its_own_share(api: Api) -> None:
    """And not from that of lists, of which nothing is left here."""
    api.on("GET /approvals/7", row(deciders=[{"login": "bo"}]))
    api.on("GET /people", {"mail": "bo@corp.example"})
    connector = rest(api.url, people=PEOPLE)
    connector.session.limit(f"{api.url} spent", 10)
    for _ in range(7):
        connector.session.read("/approvals/7", purpose="list")
    assert connector.get("7").approvers[0].email == "bo@corp.example"


# -- pages -----------------------------------------------------------------------------------------


def test_without_pages_there_is_one(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1), row(2)]})
    found = pages(rest(api.url))
    assert ids(found) == [["1", "2"]]
    assert (found[0].is_snapshot, found[0].cursor) == (True, None)


def test_page_numbers_go_on_until_a_page_is_empty(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1), row(2)]}, {"rows": [row(3)]}, {"rows": []})
    found = pages(
        rest(
            api.url,
            list__request={"path": "/approvals", "query": {"p": "{page}", "n": "{limit}"}},
            list__pages={"type": "page_number", "first": 0, "largest": 50},
        ),
        limit=80,
    )
    assert ids(found) == [["1", "2"], ["3"], []]
    assert api.queries("GET") == [{"p": str(page), "n": "50"} for page in range(3)]


def test_offsets_count_what_came_not_what_was_asked_for(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1), row(2)]}, {"rows": [row(3)]}, {"rows": []})
    found = pages(
        rest(
            api.url,
            list__request={"path": "/approvals", "query": {"from": "{offset}"}},
            list__pages={"type": "offset"},
        ),
        limit=10,
    )
    assert ids(found) == [["1", "2"], ["3"], []]
    assert [query["from"] for query in api.queries("GET")] == ["0", "2", "3"]


def test_an_expression_can_say_that_there_is_more(api: Api) -> None:
    api.on("GET /approvals", {"rows": [], "left": 1}, {"rows": [row(1)], "left": 0})
    found = pages(
        rest(
            api.url,
            list__request={"path": "/approvals", "query": {"p": "{page}"}},
            list__pages={"type": "page_number", "more": "left > `0`"},
        )
    )
    assert ids(found) == [[], ["1"]]


def test_tokens_lead_from_page_to_page(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1)], "next": "/a=b&c"}, {"rows": [row(2)]})
    found = pages(
        rest(
            api.url,
            list__request={"path": "/approvals", "query": {"after": "{token}", "x": "1"}},
            list__pages={"type": "next_token", "token": "next"},
        )
    )
    assert ids(found) == [["1"], ["2"]]
    assert api.queries("GET") == [{"x": "1"}, {"after": "/a=b&c", "x": "1"}]


def test_links_are_followed_in_the_header_and_in_the_body(api: Api) -> None:
    link = f'<{api.url}/x>; rel="prev", <{api.url}/approvals/two?a=1>; rel="next"'
    api.on("GET /approvals", {"rows": [row(1)]}, Link=link)
    api.on("GET /approvals/two", {"rows": [row(2)], "more": "/approvals/three"})
    api.on("GET /approvals/three", {"rows": [row(3)]})
    by_header = rest(api.url, list__pages={"type": "next_link"})
    assert ids(pages(by_header)) == [["1"], ["2"]]
    api.on("GET /approvals", {"rows": [row(1)], "more": f"{api.url}/approvals/two"})
    by_body = rest(api.url, list__pages={"type": "next_link", "link": "more"})
    assert ids(pages(by_body)) == [["1"], ["2"], ["3"]]


def test_a_link_to_another_place_gets_no_token(api: Api) -> None:
    api.on("GET /approvals", {"rows": [], "more": "https://evil.example/approvals"})
    connector = rest(api.url, list__pages={"type": "next_link", "link": "more"})
    with pytest.raises(ConnectorError) as failure:
        pages(connector)
    assert failure.value.kind == Kind.BAD_ANSWER


def test_rows_that_are_not_wanted_are_left_out_but_counted(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1, kind="x")]}, {"rows": [row(2)]}, {"rows": []})
    connector = rest(
        api.url,
        list__where="kind == null",
        list__request={"path": "/approvals", "query": {"p": "{page}"}},
        list__pages={"type": "page_number"},
    )
    assert ids(pages(connector)) == [[], ["2"], []]


@pytest.mark.parametrize("content", [{}, {"rows": None}, {"rows": {"a": 1}}, [], "text"])
def test_an_answer_without_a_list_is_not_an_empty_one(api: Api, content: Any) -> None:
    api.on("GET /approvals", content)
    with pytest.raises(ConnectorError) as failure:
        rest(api.url).list(None, 10)
    assert failure.value.kind == Kind.BAD_ANSWER


# -- cursors ---------------------------------------------------------------------------------------


def keyset(url: str, **changes: Any) -> Rest:
    return rest(
        url,
        item__updated="at",
        list__request={"path": "/approvals", "query": {"since": "{since}", "p": "{page}"}},
        list__pages={"type": "page_number", "more": "more"},
        list__cursor={"type": "keyset", **changes.pop("cursor", {})},
        **changes,
    )


def test_a_keyset_goes_on_by_time_and_begins_again_a_little_before(api: Api) -> None:
    early, then, late = (f"2026-11-22T09:{minute}:00Z" for minute in ("00", "10", "30"))
    api.on(
        "GET /approvals",
        {"rows": [row(1, at=early), row(2, at=then)], "more": True},
        {"rows": [row(2, at=then), row(3, at=late)], "more": True},
        {"rows": [row(3, at=late)], "more": False},
        {"rows": [row(3, at=late)], "more": False},
        Date="Sun, 22 Nov 2026 10:00:00 GMT",
    )
    first = {"path": "/approvals", "query": {"f": "1", "since": "{since}", "p": "{page}"}}
    connector = keyset(api.url, list__first_request=first)
    found = pages(connector)
    assert ids(found) == [["1", "2"], ["2", "3"], ["3"]]
    asked = [{}, {"since": then}, {"since": late}]
    assert api.queries("GET") == [{"f": "1", "p": "1", **each} for each in asked]
    again = pages(connector, found[-1].cursor)
    assert ids(again) == [["3"]]
    # From the start of the first pass (its Date), less 5 seconds, less the overlap.
    since = api.queries("GET")[3]["since"]
    assert since.startswith("2026-11-22T09:54:5")
    assert again[0].is_snapshot is False


def test_a_keyset_asks_in_the_format_of_the_system(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1, at="2026-11-22 09:00:00")], "more": True})
    connector = keyset(api.url, cursor={"format": "%d.%m.%Y %H:%M", "start": "1.1.1970"})
    page = connector.list(None, 10)
    connector.list(page.cursor, 10)
    asked = [query["since"] for query in api.queries("GET")]
    assert asked == ["1.1.1970", "22.11.2026 09:00"]


def test_where_times_are_coarse_the_next_pass_begins_as_much_earlier(api: Api) -> None:
    """What changes within the hour gets its beginning as its time: before the pass that began."""
    api.on("GET /approvals", {"rows": [row(1, at="2026-11-22T09:00:00Z")], "more": False})
    moment = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    cursors = []
    for resolution in (0, 3600):
        connector = keyset(api.url, cursor={"resolution_seconds": resolution})
        at = Position(since=moment - timedelta(days=1), started=moment)
        cursors.append(Position.read(connector.list(at.write(), 10).cursor).since)
    assert cursors == [
        datetime(2026, 11, 22, 9, 24, 55, tzinfo=UTC),
        datetime(2026, 11, 22, 8, 24, 55, tzinfo=UTC),
    ]


def test_a_sequence_asks_for_what_comes_after_its_highest_number(api: Api) -> None:
    api.on(
        "GET /approvals",
        {"rows": [row(1, seq=4), row(2, seq=9)]},
        {"rows": [row(3, seq=10)]},
        {"rows": []},
        {"rows": []},
    )
    connector = rest(
        api.url,
        list__request={"path": "/approvals", "query": {"after": "{since}", "p": "{page}"}},
        list__pages={"type": "page_number"},
        list__cursor={"type": "sequence", "field": "seq"},
    )
    found = pages(connector)
    pages(connector, found[-1].cursor)
    assert ids(found) == [["1", "2"], ["3"], []]
    assert [query.get("after") for query in api.queries("GET")] == [None, "9", "10", "10"]


def test_a_number_that_leads_nowhere_is_passed_over(api: Api) -> None:
    said = json.dumps({"rows": [row(1, seq=4), row(2, seq="HERE")]}).replace('"HERE"', "1e9999999")
    api.on("GET /approvals", said.encode(), {"rows": []})
    connector = rest(
        api.url,
        list__request={"path": "/approvals", "query": {"after": "{since}", "p": "{page}"}},
        list__pages={"type": "page_number"},
        list__cursor={"type": "sequence", "field": "seq"},
    )
    assert ids(pages(connector)) == [["1", "2"], []]
    assert [query.get("after") for query in api.queries("GET")] == [None, "4"]


def test_a_time_before_all_others_leads_on(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1, at="0001-01-01T00:00:00Z")], "more": False})
    connector = keyset(api.url)
    later = Position(since=datetime(2026, 11, 22, tzinfo=UTC), is_first=False).write()
    page = connector.list(later, 10)
    assert Position.read(page.cursor).since == datetime(1969, 12, 31, 23, 55, tzinfo=UTC)


def test_an_offset_stays_where_the_list_ended(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row(1), row(2)]}, {"rows": []}, {"rows": [row(3)]})
    connector = rest(
        api.url,
        list__request={"path": "/approvals", "query": {"skip": "{offset}"}},
        list__cursor={"type": "offset"},
    )
    found = pages(connector)
    page = connector.list(found[-1].cursor, 10)
    assert ids([page]) == [["3"]]
    assert [query["skip"] for query in api.queries("GET")] == ["0", "2", "2"]


@pytest.mark.parametrize("kind", list(CursorKind))
def test_capabilities_say_what_the_definition_says(api: Api, kind: CursorKind) -> None:
    query = {"query": {"since": "{since}", "from": "{offset}"}}
    connector = rest(
        api.url,
        item__updated="at",
        list__request={"path": "/approvals", **query},
        list__cursor={"type": kind.value, **({"field": "n"} if kind == "sequence" else {})},
    )
    assert connector.capabilities().cursor == kind


# -- the account -----------------------------------------------------------------------------------


def test_an_account_that_sees_nothing_is_not_healthy(api: Api) -> None:
    api.on("GET /me", {"login": "sayso", "roles": []}, {"login": "sayso", "roles": ["approvals"]})
    check = {"request": {"path": "/me"}, "account": "login", "accept": "roles"}
    connector = rest(api.url, check=check)
    without, within = connector.check(), connector.check()
    assert (without.ok, without.error) == (False, Kind.FORBIDDEN)
    assert (within.ok, within.account) == (True, "sayso")


def test_without_a_check_of_its_own_a_list_is_one(api: Api) -> None:
    api.on("GET /approvals", {"rows": [row()]})
    assert rest(api.url).check().ok is True
    api.on("GET /approvals", b"<html>")
    assert rest(api.url).check().error == Kind.BAD_ANSWER
