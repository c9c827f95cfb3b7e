"""The log is searched by what leads to a track; what is found is within the reader's reach."""

import pytest
from django.test import Client

from tests.factories import AskFactory, TrackFactory, WorkspaceFactory, say
from tests.staff.conftest import Hire
from tracks.models import Event, Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(workspace: Workspace) -> Track:
    """A track of a customer's, with an event and a question; beside another of the same title."""
    say(TrackFactory(workspace=workspace, title="Invoices"), "Elsewhere")
    track: Track = TrackFactory(
        workspace=workspace, title="Invoices", external_id="PO-7", customer_email="c7@cust.example"
    )
    say(track, "Pulled 47 invoices")
    return track


def found(client: Client, term: str) -> list[Event]:
    """Return the events that a search lists."""
    shown = client.get("/admin/tracks/event/", {"q": term})
    assert shown.status_code == 200
    return list(shown.context["cl"].result_list)


def test_everything_that_leads_to_a_track_finds_its_events(hire: Hire, invoice: Track) -> None:
    ask = AskFactory(track=invoice)
    newest_first = list(Event.objects.filter(track=invoice).order_by("-pk"))
    viewer = hire("Viewer", invoice.workspace)
    for term in (
        "PO-7",
        " PO-7 ",
        "C7@Cust.example",
        ask.seats.get().approver.address,
        ask.reference,
        ask.public_id,
        invoice.public_id,
        f"https://sayso.example/t/{invoice.slug}",
    ):
        assert found(viewer, term) == newest_first, term


@pytest.mark.parametrize("term", ["PO-8", "PO", "Invoices", "nobody@acme.com", "0000-0000", "%"])
def test_what_leads_to_no_track_finds_nothing(hire: Hire, invoice: Track, term: str) -> None:
    assert found(hire("Viewer", invoice.workspace), term) == []


def test_nothing_leads_into_another_workspace(hire: Hire, invoice: Track) -> None:
    AskFactory(track=invoice)
    other = TrackFactory(
        workspace=WorkspaceFactory(), external_id="PO-7", customer_email=invoice.customer_email
    )
    viewer = hire("Viewer", other.workspace)
    for term in ("PO-7", invoice.customer_email, invoice.public_id, invoice.slug):
        assert {event.track for event in found(viewer, term)} <= {other}


def test_a_search_is_narrowed_by_the_filters(hire: Hire, invoice: Track) -> None:
    viewer = hire("Viewer", invoice.workspace)
    shown = viewer.get("/admin/tracks/event/?q=PO-7&type=action.logged&actor=Bookkeeper")
    assert [event.type for event in shown.context["cl"].result_list] == ["action.logged"]
    assert list(viewer.get("/admin/tracks/event/?q=PO-7&actor=X").context["cl"].result_list) == []


def test_pages_of_what_was_found_go_from_new_to_old(hire: Hire, invoice: Track) -> None:
    for number in range(60):
        say(invoice, f"Step {number}")
    viewer = hire("Viewer", invoice.workspace)
    pages = [
        viewer.get(f"/admin/tracks/event/?q=PO-7&p={page}").context["cl"].result_list
        for page in (1, 2)
    ]
    seqs = [[event.seq for event in page] for page in pages]
    assert seqs == [list(range(62, 12, -1)), list(range(12, 0, -1))]
