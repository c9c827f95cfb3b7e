"""The list of events whose consequences wait to be planned, which the home leads to."""

from django.contrib import admin

from tracks.models import Dispatch
from tracks.staff.base import ReadOnlyAdmin


@admin.register(Dispatch)
class DispatchAdmin(ReadOnlyAdmin):
    """Events whose consumers have not all run: there should be none that is old."""

    workspace_path = "event__workspace"
    list_display = ("event", "track", "attempts", "next_attempt_at", "last_error")
    list_select_related = ("event__track",)
    fields = ("event", "done", "attempts", "next_attempt_at", "last_error")

    @admin.display(description="Track")
    def track(self, dispatch: Dispatch) -> str:
        """Return the track on which it happened."""
        return str(dispatch.event.track)
