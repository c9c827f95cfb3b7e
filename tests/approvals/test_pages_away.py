"""Being away: a stand-in for whole days, in every workspace that allows it."""

from datetime import UTC, datetime, timedelta

import pytest

from approvals.models import Absence, Approver
from tests.api.refused import nothing_written
from tests.approvals.person import Page, Person
from tests.approvals.queue_person import post, sign_in
from tests.conftest import Clock
from tests.factories import CFO, WorkspaceFactory, someone
from tracks.models import Workspace

pytestmark = pytest.mark.django_db

SAM = "sam@acme.com"
FIRST, LAST = "2026-11-23", "2026-11-27"


@pytest.fixture
def cfo(clock: Clock, workspace: Workspace) -> Approver:
    Workspace.objects.filter(pk=workspace.pk).update(time_zone="Europe/Berlin")
    return someone(workspace, CFO)


@pytest.fixture
def person(cfo: Approver) -> Person:
    person = Person()
    sign_in(person)
    return person


def name(person: Person, stand_in: str = SAM, *, first: str = FIRST, last: str = LAST) -> Page:
    return post(person, "/queue/away", {"stand_in": stand_in, "from": first, "to": last})


def test_a_stand_in_is_named_for_whole_days_in_the_workspaces_zone(
    person: Person, cfo: Approver
) -> None:
    done = name(person)
    assert (done.status, done.location) == (303, "/queue/away")
    absence = Absence.objects.get()
    assert (absence.approver, absence.stand_in.address) == (cfo, SAM)
    assert absence.starts_at == datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert absence.ends_at == datetime(2026, 11, 27, 23, tzinfo=UTC)
    text = person.get("/queue/away").text
    assert (
        "Mon 23 Nov 2026 to Fri 27 Nov 2026 sam@acme.com stands in for you at Acme. Take it back"
    ) in text
    assert "Whole days in the time zone Europe/Berlin." in text


def test_it_holds_in_every_workspace_at_its_own_time(person: Person) -> None:
    other = WorkspaceFactory(name="Northwind", time_zone="America/New_York")
    someone(other, CFO)
    name(person, first="2026-11-23", last="2026-11-23")
    found = Absence.objects.order_by("starts_at").values_list(
        "approver__workspace__name", "starts_at"
    )
    assert list(found) == [
        ("Acme", datetime(2026, 11, 22, 23, tzinfo=UTC)),
        ("Northwind", datetime(2026, 11, 23, 5, tzinfo=UTC)),
    ]
    assert person.get("/queue/away").text.count("Mon 23 Nov 2026 sam@acme.com stands in") == 2


def test_a_workspace_that_forbids_it_is_named(person: Person) -> None:
    someone(WorkspaceFactory(name="Northwind", delegation="none"), CFO)
    assert name(person).status == 303
    assert Absence.objects.get().approver.workspace.name == "Acme"
    assert "Nobody stands in for you at Northwind." in person.get("/queue/away").text


def test_today_counts_from_now(person: Person, clock: Clock) -> None:
    name(person, first="2026-11-22", last="2026-11-22")
    text = person.get("/queue/away").text
    assert "Sun 22 Nov 2026 Now sam@acme.com stands in for you at Acme. I am back" in text
    clock.move_to(datetime(2026, 11, 22, 23, tzinfo=UTC))
    assert "Nobody stands in for you." in person.get("/queue/away").text


@pytest.mark.parametrize(
    ("zone", "earliest"),
    [("Pacific/Auckland", "2026-11-23"), ("America/New_York", "2026-11-22")],
)
def test_the_calendar_begins_with_today_where_it_is_earliest(
    person: Person, clock: Clock, zone: str, earliest: str
) -> None:
    Workspace.objects.update(time_zone="Pacific/Auckland")
    someone(WorkspaceFactory(time_zone=zone), CFO)
    clock.move(hours=12)  # 22:00 UTC: in Auckland the next day has begun
    assert person.get("/queue/away").html.count(f'min="{earliest}"') == 2


def test_coming_back_early_ends_it(person: Person, clock: Clock) -> None:
    name(person, first="2026-11-22")
    page = person.get("/queue/away")
    button = next(each for form in page.forms for each in form.buttons if each.get("name") == "end")
    done = post(person, "/queue/away", {"end": button["value"]})
    assert (done.status, done.location) == (303, "/queue/away")
    assert Absence.objects.get().ended_at == clock.now
    assert "Nobody stands in for you." in person.get("/queue/away").text
    with nothing_written():
        assert post(person, "/queue/away", {"end": button["value"]}).status == 404


def test_for_whom_one_stands_in_is_shown(person: Person, workspace: Workspace) -> None:
    kim = someone(workspace, "kim@acme.com")
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    Absence.objects.create(
        approver=kim,
        stand_in=someone(workspace, CFO),
        starts_at=now,
        ends_at=now + timedelta(days=1),
        created_at=now,
    )
    text = person.get("/queue/away").text
    assert "You stand in for others Sun 22 Nov 2026 to Mon 23 Nov 2026 Now for kim@acme.com" in text
    assert 'name="end"' not in person.get("/queue/away").html


@pytest.mark.parametrize(
    ("stand_in", "first", "last", "words"),
    [
        ("", FIRST, LAST, "This is not an e-mail address, such as name@example.com."),
        ("sam", FIRST, LAST, "This is not an e-mail address, such as name@example.com."),
        ("sam@acme.com\0", FIRST, LAST, "This is not an e-mail address"),
        ("\u202esam@acme.com", FIRST, LAST, "This is not an e-mail address"),
        ("CFO@ACME.com", FIRST, LAST, "This is your own address."),
        ("sam@other.com", FIRST, LAST, "Your stand-in needs an address with the same mail domain"),
        (SAM, "", LAST, "Give the first day, within a year from now."),
        (SAM, FIRST, "", "Give the last day, within a year from now."),
        (SAM, FIRST, "27.11.2026", "Give the last day, within a year from now."),
        (SAM, "0001-01-01", LAST, "Give the first day, within a year from now."),
        (SAM, FIRST, "9999-12-31", "Give the last day, within a year from now."),
        (SAM, FIRST, "2026-11-22", "This is before the first day."),
        (SAM, FIRST, "2" * 4000, "Give the last day, within a year from now."),
        (SAM, "2026-11-10", "2026-11-20", "This is over before it begins."),
    ],
)
def test_a_wrong_entry_is_refused_beside_its_field(
    person: Person, stand_in: str, first: str, last: str, words: str
) -> None:
    with nothing_written():
        page = name(person, stand_in, first=first, last=last)
    assert page.status == 422
    assert page.text.count(words) == 2  # in the summary above, and beside the field
    assert "<title>Error: " in page.html
    form = next(each for each in page.forms if "stand_in" in each.fields)
    assert form.fields["stand_in"] == stand_in


def test_everything_that_is_wrong_is_said_at_once(person: Person) -> None:
    page = post(person, "/queue/away", {})
    assert page.status == 422
    assert page.html.count('class="error"') == 3


def test_one_absence_at_a_time(person: Person) -> None:
    name(person)
    with nothing_written():
        page = name(person, first="2026-11-26", last="2026-11-30")
    assert page.status == 422
    assert page.text.count("You are away during a part of this time already.") == 2
    assert name(person, first="2026-11-28", last="2026-11-30").status == 303


@pytest.mark.parametrize("text", ["", "x", "abs_" + "0" * 32, "ask_" + "0" * 32, "\0"])
def test_an_unknown_absence_is_not_found(person: Person, text: str) -> None:
    with nothing_written():
        assert post(person, "/queue/away", {"end": text}).status == 404


def test_somebody_elses_absence_is_not_found(person: Person, workspace: Workspace) -> None:
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    other = Absence.objects.create(
        approver=someone(workspace, "kim@acme.com"),
        stand_in=someone(workspace, CFO),
        starts_at=now,
        ends_at=now + timedelta(days=1),
        created_at=now,
    )
    with nothing_written():
        assert post(person, "/queue/away", {"end": f"abs_{other.pk.hex}"}).status == 404
