"""Lists of the admin that are filtered and sorted by what their pages offer."""

from typing import Any

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.http import HttpRequest
from unfold.views import ChangeList


class OfferedList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """A list whose address can say what its filters take and what the admin itself links to.

    Django's own takes any condition on any column. Whoever may see a row and not a column of it, as
    the slug of a track or the hash of a password, could ask for that letter by letter.
    """

    def get_filters(self, request: HttpRequest) -> Any:
        """Return the filters; refuse what none of them has taken and no link of ours says."""
        found = super().get_filters(request)
        left = found[2].keys() - set(self.model_admin.linked_by)
        if left:
            raise DisallowedModelAdminLookup(f"Nothing here filters by {', '.join(sorted(left))}.")
        return found

    def get_ordering_field(self, field_name: str) -> Any:
        """Return what a column is sorted by, where its head offers that."""
        is_offered = self.sortable_by is None or field_name in self.sortable_by
        return super().get_ordering_field(field_name) if is_offered else None
