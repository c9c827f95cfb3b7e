"""The OpenAPI document as it is generated now, and what a response must look like by it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

PROBLEM = "application/problem+json"


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    content: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return content


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the method, the path and the description of each call."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def check(method: str, path: str, response: HttpResponse) -> None:
    """Raise unless the document knows this status for this call, and this body for this status."""
    operation = _find("GET" if method == "HEAD" else method, path.partition("?")[0])
    if operation is None:
        # What the document does not describe is refused with a problem document.
        assert response.status_code in (401, 404, 405), (response.status_code, response.content)
        name = "Problem"
    elif response.status_code == 204:
        assert "content" not in operation["responses"]["204"]
        assert not response.content
        return
    else:
        name = _schema_name(operation, response)
    if method != "HEAD":
        validator(name).validate(response.json())


def _find(method: str, path: str) -> dict[str, Any] | None:
    for known, template, operation in operations():
        pattern = re.sub(r"{\w+}", "[^/]+", template)
        if known == method and re.fullmatch(pattern, path):
            return operation
    return None


def _schema_name(operation: dict[str, Any], response: HttpResponse) -> str:
    described = operation["responses"].get(str(response.status_code))
    assert described, (operation["operationId"], response.status_code, response.content)
    content = described["content"]
    media_type = response.headers["Content-Type"].partition(";")[0]
    assert list(content) == [media_type], (operation["operationId"], content, media_type)
    reference: str = content[media_type]["schema"]["$ref"]
    return reference.rpartition("/")[2]


@cache
def validator(name: str) -> Draft202012Validator:
    """Return what checks a component, strictly: a field that is not described is an error."""
    schemas = {key: _closed(key, each) for key, each in document()["components"]["schemas"].items()}
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    return Draft202012Validator(root)


def _closed(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    # A problem document may carry further members (RFC 9457, 3.2).
    if name == "Problem" or "properties" not in schema:
        return schema
    return {"additionalProperties": False} | schema
