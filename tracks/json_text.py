"""JSON kept as it was written."""

import json
from typing import TYPE_CHECKING, Any

from django.db import models


def encoded(content: Any) -> bytes:
    """Return JSON as it goes over the wire."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


class JSONText(models.TextField):  # type: ignore[type-arg]
    """JSON in a text column: names keep their order, which PostgreSQL's jsonb does not promise.

    What was sent comes back as it was sent; nothing inside is ever queried.
    """

    if TYPE_CHECKING:  # where django-stubs looks for what a field takes and gives
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any
        _pyi_lookup_exact_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        if value is None:
            return None
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj))
