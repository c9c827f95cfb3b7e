"""Reading requests, credentials and pages out of a definition."""

import re
from collections.abc import Collection
from typing import Any

from mirroring.connectors.base import CursorKind
from mirroring.connectors.declarative.expressions import Expression, Template
from mirroring.connectors.declarative.nodes import Node
from mirroring.connectors.declarative.reader import Reader
from mirroring.connectors.declarative.spec import (
    Auth,
    AuthType,
    Cursor,
    Pages,
    PageType,
    Request,
)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SECRETS = ("secret.*",)
EVERYTHING = Expression.read("@")  # stands in for what is missing, until all mistakes are found
NOWHERE = Template.read("/")

_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/%{}-]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# What says where a request goes and where it ends: a front that many share goes by these.
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding"})
_NEEDED = {
    AuthType.NONE: (),
    AuthType.BEARER: ("token",),
    AuthType.BASIC: ("username", "password"),
    AuthType.API_KEY: ("header", "key"),
    AuthType.CLIENT_CREDENTIALS: ("token_url", "client_id", "client_secret"),
    AuthType.TOKEN_LOGIN: ("url",),
}
_OPTIONAL = {
    AuthType.BEARER: ("scheme",),
    AuthType.CLIENT_CREDENTIALS: ("scope",),
    AuthType.TOKEN_LOGIN: ("scheme", "token", "lifetime"),
}


def read_request(
    reader: Reader | None, allowed: Collection[str], *, method: str = "GET"
) -> Request:
    """Return a request whose placeholders are all among `allowed`."""
    if reader is None:
        return Request(method=method, path=NOWHERE)
    said = reader.text("method", default=method)
    if said not in METHODS:
        reader.wrong(f"This must be one of {', '.join(METHODS)}.", "method")
    path = reader.template("path", allowed, required=True)
    if "path" in reader and not _PATH.fullmatch(reader.text("path")):
        reader.wrong("A path begins with / and has no '?': that goes under query.", "path")
    request = Request(
        method=said,
        path=path or NOWHERE,
        query=_query(reader, allowed),
        headers=read_headers(reader, allowed),
        body=_body(reader, reader.node("body"), allowed),
        is_form=reader.flag("form"),
    )
    if request.is_form and not isinstance(request.body, dict):
        reader.wrong("A form has names and values.", "body")
    reader.finish()
    return request


def _query(reader: Reader, allowed: Collection[str]) -> tuple[tuple[str, Template], ...]:
    node = reader.node("query")
    if node is not None and isinstance(node.value, list):
        rows = [row for each in reader.children("query") for row in _rows(each, allowed)]
        return tuple(rows)
    inner = reader.child("query")
    return tuple(_rows(inner, allowed)) if inner else ()


def _rows(reader: Reader, allowed: Collection[str]) -> list[tuple[str, Template]]:
    rows = []
    for name in reader:
        node = reader.node(name)
        source = "" if node is None else _plain(node)
        template = reader.placeholders(source, allowed, name)
        if template is not None:
            rows.append((name, template))
    return rows


def _plain(node: Node) -> str:
    return str(node.plain).lower() if isinstance(node.value, bool) else str(node.plain)


def read_headers(reader: Reader, allowed: Collection[str]) -> tuple[tuple[str, Template], ...]:
    """Return the headers of a request, or of all."""
    inner = reader.child("headers")
    rows = _rows(inner, {*allowed, *SECRETS}) if inner else []
    for name, _ in rows:
        if inner is not None and not _HEADER.fullmatch(name):
            inner.wrong("This is not the name of a header.", name)
        elif inner is not None and name.lower() in _OURS:
            inner.wrong("This header follows from the URL and the body.", name)
    return tuple(rows)


def _body(reader: Reader, node: Node | None, allowed: Collection[str]) -> Any:
    if node is None:
        return None
    if isinstance(node.value, str):
        return reader.placeholders(node.value, allowed, "body", at=node)
    if isinstance(node.value, list):
        return [_body(reader, each, allowed) for each in node.value]
    if not isinstance(node.value, dict):
        return node.value
    return {name: _body(reader, inner, allowed) for name, inner in node.value.items()}


def read_auth(reader: Reader | None) -> Auth:
    """Return how the system knows us."""
    if reader is None:
        return Auth(AuthType.NONE)
    kind = reader.word("type", AuthType) or AuthType.NONE
    values = {name: reader.template(name, SECRETS, required=True) for name in _NEEDED[kind]}
    values |= {name: reader.template(name, SECRETS) for name in _OPTIONAL.get(kind, ())}
    body = reader.child("body", required=True) if kind == AuthType.TOKEN_LOGIN else None
    auth = Auth(
        type=kind,
        values={name: template for name, template in values.items() if template},
        body=dict(_rows(body, SECRETS)) if body else {},
        in_body=kind == AuthType.CLIENT_CREDENTIALS and reader.flag("in_body"),
        renew_on=reader.numbers("renew_on", (401,)),
    )
    reader.finish()
    return auth


def read_pages(reader: Reader | None) -> Pages:
    """Return how a list is cut."""
    if reader is None:
        return Pages()
    kind = reader.word("type", PageType) or PageType.NONE
    source = {PageType.NEXT_TOKEN: "token", PageType.NEXT_LINK: "link"}.get(kind)
    is_needed = kind == PageType.NEXT_TOKEN  # a link may be in the Link header
    pages = Pages(
        type=kind,
        first=reader.number("first", 1, most=1),
        largest=reader.number("largest", 100, least=1, most=1000),
        more=reader.expression("more"),
        following=reader.expression(source, required=is_needed) if source else None,
    )
    reader.finish()
    return pages


def read_cursor(reader: Reader | None) -> Cursor:
    """Return how a poll goes on."""
    if reader is None:
        return Cursor()
    kind = reader.word("type", CursorKind) or CursorKind.SNAPSHOT
    is_sequence = kind == CursorKind.SEQUENCE
    cursor = Cursor(
        kind=kind,
        pattern=reader.text("format") if kind == CursorKind.KEYSET else "",
        resolution=reader.number("resolution_seconds", 0, most=86400),
        number=reader.expression("field", required=True) if is_sequence else None,
        start=reader.text("start"),
    )
    reader.finish()
    return cursor
