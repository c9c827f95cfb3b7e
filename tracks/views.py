"""What every view of the agent API has in common."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import errors, requestid
from tracks.authentication import ApiKeyAuthentication, Identity
from tracks.fields import UnsafeTextError
from tracks.ids import parse_public_id

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=serializers.Serializer[Any])

DEEPEST = 64  # objects and arrays inside each other; what walks through them recurses


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 has it: no NaN, no name twice, nothing that exhausts the reader."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            content = json.loads(
                stream.read().decode("utf-8"),
                parse_constant=_refuse_constant,
                parse_float=_finite,
                object_pairs_hook=_object,
            )
        except (ValueError, RecursionError) as error:
            raise errors.Malformed(f"The body is not valid JSON: {error}.") from None
        if _is_too_deep(content):
            raise errors.Malformed(f"The body is nested more than {DEEPEST} deep.")
        return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object has the same name twice")
    return content


def _is_too_deep(content: Any) -> bool:
    level = [content]
    for _ in range(DEEPEST + 1):
        level = [each for each in level if isinstance(each, (dict, list))]
        if not level:
            return False
        level = [inner for outer in level for inner in _inside(outer)]
    return True


def _inside(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


class AlwaysJSON(DefaultContentNegotiation):
    """The API speaks JSON to everybody, whatever the Accept header or a `format` parameter says."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class AgentView(APIView):
    """A call of the agent API: a key, a scope for each method, JSON, problem documents.

    `scopes` names the scope that each method needs; a method without one is refused.
    HEAD is a GET whose answer has no body.
    """

    http_method_names: Sequence[str] = ("get", "head", "post", "patch")

    authentication_classes: Sequence[type[BaseAuthentication]] = (ApiKeyAuthentication,)
    permission_classes = ()
    parser_classes = (StrictJSONParser,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    scopes: ClassVar[dict[str, str]] = {}

    @property
    def identity(self) -> Identity:
        return cast(Identity, self.request.auth)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not self.authentication_classes:
            return  # it is not a key that opens this door
        scope = self.scopes.get("GET" if request.method == "HEAD" else str(request.method))
        if scope is None:
            raise errors.MethodNotAllowed()
        self.identity.require(scope)

    @property
    def default_response_headers(self) -> dict[str, str]:
        # What waits is answered outside Django, with the same headers: a refused method alone is
        # told what is allowed.
        return {}

    def get_exception_handler(self) -> Any:
        return problem_response

    def body(self, serializer: type[S], **options: Any) -> Any:
        """Return the validated request body."""
        if not isinstance(self.request.data, dict):
            raise errors.Invalid("The body must be a JSON object.", errors=[])
        reader = serializer(data=self.request.data, **options)
        reader.is_valid(raise_exception=True)
        return reader.validated_data


def key_or_404(prefix: str, text: str) -> UUID:
    """Return the primary key behind a public id in a URL; anything else is not found."""
    pk = parse_public_id(prefix, text)
    if pk is None:
        raise errors.NotFound()
    return pk


def problem_response(error: Exception, context: dict[str, Any] | None = None) -> Response | None:
    """Return the problem document for an exception, or None where it is a bug."""
    refusal = as_refusal(error)
    if refusal is None:
        return None
    response = Response(
        errors.problem(refusal, request_id=requestid.current.get()),
        status=refusal.status,
        headers=refusal.headers,
        content_type=errors.PROBLEM_TYPE,
    )
    if refusal.status == errors.MethodNotAllowed.status and context is not None:
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    response.exception = True
    return response


def as_refusal(error: Exception) -> errors.DomainError | None:
    """Return the refusal that an exception stands for, or None where it is a bug."""
    match error:
        case errors.DomainError():
            return error
        case exceptions.ValidationError():
            return _invalid(error)
        case exceptions.ParseError():
            return errors.Malformed()
        case exceptions.UnsupportedMediaType():
            return errors.UnsupportedMediaType()
        case exceptions.MethodNotAllowed():
            return errors.MethodNotAllowed()
        case exceptions.NotFound() | Http404():
            return errors.NotFound()
        case OperationalError() | InterfaceError():
            log.exception("database.unavailable")
            return errors.Unavailable()
    return None


def _invalid(error: exceptions.ValidationError) -> errors.Invalid:
    found = list(_flatten(error.get_full_details()))
    refusal = errors.Invalid
    if any(item["code"] == UnsafeTextError.default_code for item in found):
        refusal = errors.UnsafeTextRefused
        found.sort(key=lambda item: item["code"] != UnsafeTextError.default_code)
    return refusal(found[0]["detail"], errors=found, field=found[0]["field"])


def _flatten(details: Any, path: str = "") -> Any:
    if _is_message(details):
        detail = _encodable(str(details["message"]))
        yield {"field": _encodable(path), "code": details["code"], "detail": detail}
    elif isinstance(details, dict):
        for name, inner in details.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(part for part in (path, own) if part))
    else:
        for index, inner in enumerate(details):
            # DRF lists the errors of a field, and the items of a list field by their index.
            yield from _flatten(inner, path if _is_message(inner) else f"{path}.{index}")


def _is_message(details: Any) -> bool:
    # A field may be called "message", too; what is said of it is a list.
    return isinstance(details, dict) and isinstance(details.get("message"), str)


def _encodable(text: str) -> str:
    # JSON can smuggle in half of a surrogate pair, which nothing can send back.
    return text.encode(errors="backslashreplace").decode()


class UnknownApiPath(AgentView):
    """Answers every path of the API that does not exist."""

    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise errors.NotFound()
