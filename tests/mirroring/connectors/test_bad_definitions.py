"""What is wrong with a definition is told at once, all of it, with its place and its line."""

import re
from decimal import Decimal
from typing import Any

import pytest

from mirroring.connectors import CONNECTORS, connect, problems_with
from mirroring.connectors.base import BadConfig, Problem
from mirroring.connectors.declarative import nodes
from tests.mirroring.connectors import rt
from tests.mirroring.connectors.definitions import plain, rest

GOOD = rt.EXAMPLE.read_text()
URL = "https://corp.example"


def problems(text: str, secrets: str = "token: abc") -> list[str]:
    return [str(each) for each in problems_with("rest", {"definition": text, "secrets": secrets})]


def varied(**changes: Any) -> list[Problem]:
    """Return what is wrong with the definition of the tests, varied."""
    try:
        rest(URL, **changes)
    except BadConfig as error:
        return list(error.problems)
    return []


def test_the_example_is_right() -> None:
    assert problems(GOOD) == []
    assert varied() == []


OURS = "This header follows from the URL and the body."


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("items: items", "itmes: items", "list.itmes: There is no such setting."),
        ("items: items", "items: 'items['", "list.items: "),
        ("items: items", "items: no_such(x)", "list.items: There is no function no_such()."),
        ("  updated: LastUpdated", "  updated: 7.5", "item.updated: This must be a text."),
        ("  type: bearer", "  type: magic", "auth.type: This must be one of none, bearer,"),
        ("    state: approved", "    state: pending", "decide.approve.state: A decision leads to"),
        ("    type: keyset", "    type: keysets", "list.cursor.type: This must be one of keyset"),
        ('  path: "/ticket/{id}"', '  path: "/ticket/{di}"', "get.request.path: Nothing stands"),
        ('  path: "/ticket/{id}"', '  path: "/ticket?i={id}"', "get.request.path: A path begins"),
        ('  path: "/ticket/{id}"', '  path: "/ticket/{id"', "get.request.path: A brace"),
        ("  pending: open", "  pending: [open, resolved]", "states.approved: 'resolved' is the"),
        ("  pending: open", "  waiting: open", "states.waiting: This must be one of pending"),
        ("  material: [title", "  material: [titel", "item.material: There is no field 'titel'."),
        ("base_url: https://rt.", "base_url: ftp://rt.", "base_url: The URL must begin with"),
        ("base_url: https://rt.", "base_url: https://127.0.0.2#", "base_url: A fragment"),
        ("    resolution_seconds: 1", "    resolution_seconds: one", "list.cursor.resolution_sec"),
    ],
)
def test_a_mistake_is_found_on_its_line(line: str, instead: str, said: str) -> None:
    assert line in GOOD
    number = GOOD[: GOOD.index(line)].count("\n") + 1
    text = GOOD.replace(line, instead, 1)
    found = problems(text)
    told = [each for each in found if said in each]
    assert told, found
    if not said.startswith("states.approved"):
        assert told[0].startswith(f"definition, line {number}, ")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines() -> None:
    text = GOOD.replace("items: items", "itmes: items").replace("  title: Subject", "  title: '['")
    text = text.replace("type: bearer", "type: magic")
    lines = [int(found[1]) for each in problems(text) if (found := re.search(r"line (\d+)", each))]
    assert len(lines) >= 4
    assert lines == sorted(lines)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    text = GOOD.replace("items: items", "itmes: items")
    assert any("Did you mean 'items'?" in each for each in problems(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "definition: This is needed."),
        ("# nothing", "definition: It is empty."),
        ("a: [1", "definition, line 1: This is not YAML"),
        ("a: 1\nb: x: y", "definition, line 2: This is not YAML"),
        ("a: 1\na: 2", "definition, line 2: 'a' stands here twice."),
        ("a: &x [1]\nb: *x", "definition, line 1: Anchors and aliases"),
        ("a: !!python/object:os.system 1", "definition, line 1: Tags (!) are not allowed."),
        ("? [a]\n: 1", "definition, line 1: A name must be a text."),
        ("- a", "definition, line 1: This must have names and values."),
        ('{"a": 1, "a": 2}', "definition: It begins like JSON, but is none"),
        ('{"a": }', "definition: It begins like JSON, but is none"),
        ("a: " + "[" * 30 + "]" * 30, "definition, line 1: This is nested too deeply."),
        ("[" * 60_000, "definition, line 1: This is nested too deeply."),
        ("- " * 30_000, "definition, line 1: This is nested too deeply."),
        ("a: " + "x" * 70_000, "definition: It is longer than 65536 characters."),
        ("a: \x00", "definition: This is not YAML"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, said: str) -> None:
    assert problems(text)[0].startswith(said)


def test_words_stay_words() -> None:
    text = "no: yes\non: off\nt: true\nn: 012\nd: 2026-11-22\nx: ~\nf: 1.10\ni: 7\ns: '7'"
    assert nodes.read(text, field="definition").plain == {
        "no": "yes",
        "on": "off",
        "t": True,
        "n": "012",
        "d": "2026-11-22",
        "x": None,
        "f": Decimal("1.10"),
        "i": 7,
        "s": "7",
    }


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"get": None}, "get", "This is needed."),
        ({"states__approved": None}, "states", "There is no word for approved."),
        ({"decide": {}}, "decide", "There is no way to decide here."),
        ({"item__approvers": None}, "item.approvers", "This is needed."),
        (
            {"list__cursor": {"type": "keyset"}, "item__updated": "at"},
            "list",
            "The request must use {since} with a keyset cursor.",
        ),
        (
            {"list__pages": {"type": "page_number"}},
            "list",
            "The request must use {page} with such pages.",
        ),
        (
            {
                "item__updated": "at",
                "list__request": {"path": "/a", "query": {"s": "{since}", "p": "{page}"}},
                "list__first_request": {"path": "/a", "query": {"p": "{page}"}},
                "list__cursor": {"type": "keyset"},
                "list__pages": {"type": "page_number"},
            },
            "list",
            "The first request must use {since}, too",
        ),
        *(
            (
                {
                    "item__updated": "at",
                    "list__request": {
                        "path": "/a",
                        "query": {"s": "{since}", "p": f"{{{name}}}"},
                    },
                    "list__first_request": {"path": "/a", "query": {"s": "{since}"}},
                    "list__cursor": {"type": "keyset"},
                    "list__pages": {"type": kind, **more},
                },
                "list",
                f"The first request must use {{{name}}} with such pages, too.",
            )
            for kind, name, more in (
                ("next_token", "token", {"token": "next"}),
                ("page_number", "page", {}),
                ("offset", "offset", {}),
            )
        ),
        ({"list__pages": {"type": "next_token"}}, "list.pages.token", "This is needed."),
        ({"list__pages": {"type": "offset", "first": 2}}, "list.pages.first", "This must be a"),
        ({"outcomes": [{"outcome": "applied"}]}, "outcomes[0]", "This needs a status"),
        ({"outcomes": [{"status": "2xx"}]}, "outcomes[0].status", "This must be a whole"),
        ({"headers": {"a b": "x"}}, "headers.a b", "This is not the name of a header."),
        ({"headers": {"HOST": "evil.example"}}, "headers.HOST", OURS),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "headers.Transfer-Encoding", OURS),
        (
            {"list__request": {"path": "/approvals", "headers": {"host": "evil.example"}}},
            "list.request.headers.host",
            OURS,
        ),
        ({"decide__deny__request": {"path": "/no"}}, "decide", "Nothing tells the system which"),
        (
            {"note": {"when": "before_decision", "request": {"path": "/n", "body": "{text}"}}},
            "note",
            "A note before the decision needs existing",
        ),
        (
            {"get__request": {"path": "/x", "query": {"t": "{secret.token}"}}},
            "get.request.query.t",
            "Nothing stands for {secret.token} here",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(changes: dict[str, Any], path: str, said: str) -> None:
    found = [(each.path, each.message) for each in varied(**changes)]
    assert any(where == path and message.startswith(said) for where, message in found), found


def test_a_mistake_deep_in_a_body_is_named_by_its_own_line() -> None:
    line = '    body: {Content: "{text}", ContentType: text/plain}'
    deep = """    body:
      Content: "{text}"
      More:
        - Text: "{commment}"
        - "{"
"""
    number = GOOD[: GOOD.index(line)].count("\n") + 1
    said = [each.partition(": ")[0] for each in problems(GOOD.replace(f"{line}\n", deep, 1))]
    assert said == [f"definition, line {number + on}, note.request.body" for on in (3, 4)]


def test_a_secret_that_is_missing_is_told_and_none_is_quoted() -> None:
    text = plain(base_url=URL)
    with pytest.raises(BadConfig) as refusal:
        rest(URL, secrets="other: s3cr3t")
    assert "secret.token" in str(refusal.value)
    assert "s3cr3t" not in str(refusal.value)
    with pytest.raises(BadConfig) as refusal:
        rest(URL, secrets="s3cr3t")
    assert "s3cr3t" not in str(refusal.value)
    assert text["auth"]["token"] == "{secret.token}"


# -- forms -----------------------------------------------------------------------------------------


def test_every_connector_tells_a_form_what_to_ask() -> None:
    for name, connector in CONNECTORS.items():
        assert connector.name == name
        assert connector.title
        assert all(field.label for field in connector.fields)
        assert any(field.is_secret for field in connector.fields)
        missing = {each.field for each in problems_with(name, {})}
        assert missing == {field.name for field in connector.fields if field.required}


def test_a_connector_is_made_of_what_a_form_gives() -> None:
    config = {"base_url": f"{URL}/REST/2.0", "token": "1-1-abc"}
    assert connect("request_tracker", config).name == "request_tracker"
    assert problems_with("request_tracker", {**config, "tokn": "x"}) == (
        Problem(field="tokn", message="There is no such field."),
    )
    assert "at most" not in str(problems_with("request_tracker", config))
    assert problems_with("jira", {})[0].field == "connector"


@pytest.mark.parametrize(
    "url", ["rt.corp.example", "https://a b", "https://u:p@corp.example", "https://corp.example/?x"]
)
def test_a_url_that_cannot_be_called_is_refused_on_saving(url: str) -> None:
    found = problems_with("request_tracker", {"base_url": url, "token": "x"})
    assert {each.field for each in found} == {"base_url"}


def test_the_definition_of_the_tutorial_is_right() -> None:
    guide = (rt.EXAMPLE.parents[1] / "connectors.md").read_text()
    tutorial = guide.split("<!-- a whole definition -->\n```yaml\n")[1].split("```")[0]
    assert problems(tutorial) == []
