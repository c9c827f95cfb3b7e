"""The page: what the admin's index is given to show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from config.version import version
from tracks.home.bars import Bar, columns, stacked
from tracks.home.figures import WINDOWS, Line, Link, Part, Speed
from tracks.home.reading import Home, Wait, home_of
from tracks.staff.reach import is_superuser, workspaces_of


def show(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the context of the admin's index what its reader may see (UNFOLD's callback)."""
    home = home_of(_workspaces_of(request.user))
    return context | {"home": _shown(home, request.user), "title": "Home"}


def _workspaces_of(user: Any) -> frozenset[UUID] | None:
    if is_superuser(user):
        return None
    return frozenset(workspaces_of(user).order_by().values_list("pk", flat=True))


LATE_AFTER = timedelta(minutes=5)  # since then a row that is due says that something stands still


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A number of a table, and the list behind it."""

    text: str
    link: Link
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table."""

    label: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A drawing, and the same in words."""

    name: str
    title: str
    desc: str
    bars: Sequence[Bar]


def _shown(home: Home, user: Any) -> dict[str, Any]:
    """Return what the template shows: whatever its reader may list."""

    def may(link: Link | None) -> bool:
        return link is None or bool(user.has_perm(link.permission))

    flow = [line for line in home.flow if all(map(may, line.links))]
    ageing = [part for part in home.ageing if may(part.link)]
    return {
        "at": home.at,
        "act_now": [each for each in home.act_now if may(each.link)],
        "windows": [_window(days) for days in WINDOWS],
        "flow": [_flow_row(line) for line in flow],
        "plots": _share_plots(home.shares) if flow else [],
        "tones": next(iter(home.shares), ()),
        "speed": [_speed_row(line) for line in home.speed if may(line.link)],
        "speed_window": _window(min(WINDOWS)).lower(),
        "ageing": ageing,
        "ageing_plot": _age_plot(ageing),
        "failures": [each for each in home.failures if may(each.link)],
        "waiting": [_waiting(each) for each in home.waiting if may(each.link)],
        "beat": next(each for each in home.pulses if each.is_beat),
        "workers": [each for each in home.pulses if not each.is_beat],
        "alive": sum(not each.is_late for each in home.pulses if not each.is_beat),
        "version": version(),
    }


def _window(days: int) -> str:
    return f"Last {days} days"


def _flow_row(line: Line) -> Row:
    cells = zip(line.numbers, line.shares, line.links, strict=True)
    return Row(
        label=line.label,
        cells=[
            Cell(text=f"{number:,}", link=link, note="" if share is None else f"{share:.0%}")
            for number, share, link in cells
        ],
    )


def _speed_row(speed: Speed) -> Row:
    lengths = speed.percentiles
    texts = ["–", "–"] if lengths is None else [in_words(length) for length in lengths]
    return Row(label=speed.label, cells=[Cell(text=text, link=speed.link) for text in texts])


def _share_plots(shares: Sequence[Sequence[Part]]) -> list[Plot]:
    return [
        Plot(
            name=f"share-{days}",
            title=f"What became of the requests of the {_window(days).lower()}",
            desc=_in_sentence(parts),
            bars=stacked(parts),
        )
        for days, parts in zip(WINDOWS, shares, strict=False)
    ]


def _age_plot(ageing: Sequence[Part]) -> Plot:
    return Plot(
        name="ageing",
        title="How long open requests have waited",
        desc=_in_sentence(ageing),
        bars=columns(ageing),
    )


def _in_sentence(parts: Sequence[Part]) -> str:
    return ", ".join(f"{part.number:,} {part.label}" for part in parts) or "Nothing."


def _waiting(wait: Wait) -> dict[str, Any]:
    return {
        "label": wait.label,
        "text": "nothing waits" if wait.late is None else f"for {in_words(wait.late)}",
        "is_late": wait.late is not None and wait.late > LATE_AFTER,
        "link": wait.link,
    }


def in_words(length: timedelta) -> str:
    """Return a length of time in its two largest units: `2 d 4 h`, `3 min 20 s`, `0 s`."""
    seconds = round(length.total_seconds())
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    largest = next((place for place, (_, size) in enumerate(units) if seconds >= size), 3)
    words: list[str] = []
    for unit, size in units[largest : largest + 2]:
        number, seconds = divmod(seconds, size)
        if number or not words:
            words.append(f"{number} {unit}")
    return " ".join(words)
