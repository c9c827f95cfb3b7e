"""What the tracks layer tells: events whose consequences wait to be planned."""

from tracks.home.figures import Link, Numbers, Oldest, Scope
from tracks.models import Dispatch


def tell(scope: Scope) -> Numbers:
    """Tell since when the oldest event has waited for its consumers."""
    return Numbers(
        waiting=[
            Oldest(
                label="Events to follow up",
                rows=scope.limit(Dispatch.objects.all(), by="event__workspace"),
                since="event__at",
                link=Link("tracks.dispatch"),
            )
        ]
    )
