"""Filling requests in and sending them."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin

from mirroring.connectors import auth
from mirroring.connectors.base import BadConfig, Problem
from mirroring.connectors.declarative import nodes
from mirroring.connectors.declarative.expressions import Template
from mirroring.connectors.declarative.spec import Auth, AuthType, Definition, Request
from mirroring.connectors.http import Answer, NoAuth, Session
from mirroring.connectors.http import Auth as SessionAuth

Rows = Iterable[tuple[str, Template]]


def read_secrets(text: str) -> dict[str, str]:
    """Return the placeholders of secrets; no message quotes one."""
    if not text:
        return {}
    try:
        found = nodes.read(text, field="secrets").plain
    except BadConfig:
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(each, str | int) and not isinstance(each, bool) for each in found.values()
    ):
        message = "Write one secret a line, as in token: abc, in quotes if it has odd characters."
        raise BadConfig([Problem(field="secrets", message=message)])
    return {f"secret.{name}": str(value) for name, value in found.items()}


def make_session(definition: Definition, secrets: Mapping[str, str]) -> Session:
    """Return a session as a definition wants it; raise BadConfig when a secret is missing."""
    used = {*definition.auth.values.values(), *definition.auth.body.values()}
    used |= {template for _, template in definition.headers}
    missing = {name for each in used for name in each.names} - secrets.keys()
    if missing:
        message = f"The definition uses {', '.join(sorted(missing))}: it is not here."
        raise BadConfig([Problem(field="secrets", message=message)])
    return Session(
        definition.base_url,
        auth=make_auth(definition.auth, secrets),
        secrets=secrets.values(),
        headers={name: template.text(secrets) for name, template in definition.headers},
        total=definition.timeout,
        largest=definition.largest,
        per_minute=definition.per_minute or None,
    )


def make_auth(said: Auth, secrets: Mapping[str, str]) -> SessionAuth:
    """Return the credentials that a definition describes."""
    values = {name: template.text(secrets) for name, template in said.values.items()}
    renew_on = frozenset(said.renew_on)
    if said.type == AuthType.BEARER:
        return auth.HeaderSecret(values["token"], scheme=values.get("scheme", "Bearer"))
    if said.type == AuthType.API_KEY:
        return auth.HeaderSecret(values["key"], header=values["header"], scheme="")
    if said.type == AuthType.BASIC:
        return auth.Basic(values["username"], values["password"])
    if said.type == AuthType.CLIENT_CREDENTIALS:
        return auth.ClientCredentials(**values, in_body=said.in_body, renew_on=renew_on)
    if said.type == AuthType.TOKEN_LOGIN:
        body = {name: template.text(secrets) for name, template in said.body.items()}
        return auth.TokenLogin(**values, body=body, renew_on=renew_on)
    return NoAuth()


def send(
    session: Session,
    request: Request,
    values: Mapping[str, Any],
    *,
    purpose: str,
    link: str | None = None,
    headers: Rows = (),
) -> Answer:
    """Fill a request in and send it. `link`: where the next page is, instead of path and query."""
    rows = [*request.headers, *headers]
    return session.send(
        request.method,
        urljoin(f"{session.base_url}/", link) if link else request.path.path(values),
        purpose=purpose,
        query=() if link else _query(request.query, values),
        body=_body(request.body, values),
        form=request.is_form,
        headers={
            name: template.text(values) for name, template in rows if template.is_complete(values)
        },
    )


def check_filled(request: Request, values: Mapping[str, Any]) -> None:
    """Raise Unfit where a request cannot be sent with these values."""
    request.path.path(values)
    _query(request.query, values)


def _query(rows: Rows, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, template.query(values)) for name, template in rows if template.is_complete(values)
    ]


def _body(body: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(body, Template):
        return body.typed(values)
    if isinstance(body, dict):
        return {name: _body(inner, values) for name, inner in body.items()}
    return [_body(each, values) for each in body] if isinstance(body, list) else body
