"""Filters of big lists: each asks an index, and none lists what it has not been told."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter, TextFilter
from unfold.utils import parse_date_str

from tracks.ids import parse_public_id

ACTORS = ("agent", "approver", "staff", "connection", "system")
_SLACK = timedelta(days=1)  # by which the clocks of those who make keys may be wrong


def one_of(field: str, choices: Sequence[str], *, title: str) -> type[Any]:
    """Return a filter by a field of known values; the table is not asked which there are."""

    class OneOf(DropdownFilter):  # type: ignore[misc]  # unfold has no types
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(choice, choice) for choice in choices]

        def queryset(self, request: HttpRequest, queryset: Any) -> Any:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    OneOf.title = title
    return OneOf


class ValueInReach(DropdownFilter):  # type: ignore[misc]  # unfold has no types
    """A filter by the types that occur within the reader's reach; for tables of a modest size."""

    title = parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the types that there are."""
        rows = model_admin.get_queryset(request).order_by("type")
        return [(each, each) for each in rows.values_list("type", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep the rows of the type that was chosen."""
        return queryset.filter(type=self.value()) if self.value() else queryset


class TrackFilter(TextFilter):  # type: ignore[misc]  # unfold has no types
    """The rows of one track, by its public id."""

    title, parameter_name = "track (trk_…)", "of_track"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep the rows of the track; of what is no track there are none."""
        if not self.value():
            return queryset
        pk = parse_public_id("trk", self.value().strip())
        return queryset.none() if pk is None else queryset.filter(track=pk)


class ActorFilter(TextFilter):  # type: ignore[misc]  # unfold has no types
    """What one actor did, by the whole name."""

    title, parameter_name = "actor (whole name)", "actor"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep what the actor did, of whichever kind: an index of events begins with that."""
        if not self.value():
            return queryset
        return queryset.filter(actor_type__in=ACTORS, actor_name=self.value())


class DaysFilter(RangeDateFilter):  # type: ignore[misc]  # unfold has no types
    """From one day to another, both included, in UTC."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep what falls on these days; a day that is none has no rows."""
        try:
            first, last = self._day("from"), self._day("to")
        except ValueError:
            return queryset.none()
        if first is not None:
            queryset = self.since(queryset, _midnight(first))
        if last is not None and last < date.max:  # after which comes nothing
            queryset = self.before(queryset, _midnight(last + timedelta(days=1)))
        return queryset

    def since(self, queryset: Any, moment: datetime) -> Any:
        """Keep what happened at a moment or later."""
        return queryset.filter(**{f"{self.parameter_name}__gte": moment})

    def before(self, queryset: Any, moment: datetime) -> Any:
        """Keep what happened earlier than a moment."""
        return queryset.filter(**{f"{self.parameter_name}__lt": moment})

    def _day(self, end: str) -> date | None:
        text = self.used_parameters.get(f"{self.parameter_name}_{end}")
        if not text:
            return None
        day: date | None = parse_date_str(text)
        if day is None:
            raise ValueError(text)
        return day


class DaysOfKeysFilter(DaysFilter):
    """Days of rows that have no index by time: their keys begin with one, and that index helps."""

    def since(self, queryset: Any, moment: datetime) -> Any:
        """Keep what happened at a moment or later."""
        return super().since(queryset, moment).filter(pk__gte=_key_at(moment, later=-_SLACK))

    def before(self, queryset: Any, moment: datetime) -> Any:
        """Keep what happened earlier than a moment."""
        return super().before(queryset, moment).filter(pk__lt=_key_at(moment, later=_SLACK))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _key_at(moment: datetime, *, later: timedelta) -> UUID:
    """Return the lowest key that can be made then: a UUIDv7 begins with its milliseconds."""
    milliseconds = int((moment.timestamp() + later.total_seconds()) * 1000)
    return UUID(int=max(0, milliseconds) << 80)
