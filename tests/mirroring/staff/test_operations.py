"""What staff do with a connection: each wants a permission and a reason, and is on record."""

from typing import Any

import pytest
from django.test import Client

from mirroring import polling, sync
from mirroring.models import Connection, Identity, Poll, Record, Run
from mirroring.staff import connections
from mirroring.staff.status import bars, clock_words
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tests.mirroring.connections.declared import LIST, connect, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import SECRET, row
from tests.staff.conftest import Hire
from tracks.models import Entry, Workspace

pytestmark = pytest.mark.django_db
VERBS = [
    "poll_now",
    "pause",
    "resume",
    "rewind",
    "accept_missing",
    "shadow",
    "go_live",
    "replace_secret",
    "make_bearer_token",
    "test",
    "dry_run",
]


def page(connection: Connection, verb: str = "change") -> str:
    return f"/admin/mirroring/connection/{connection.pk}/{verb}/"


def press(client: Client, connection: Connection, verb: str, **more: str) -> Any:
    return client.post(page(connection, verb), {"reason": "Because.", **more})


def paths(client: Client, connection: Connection) -> dict[str, str]:
    """Return where the buttons on a connection's page lead, by verb."""
    shown = client.get(page(connection)).content.decode()
    base = f"/admin/mirroring/connection/{connection.pk}/"
    return {verb: base for verb in VERBS if page(connection, verb) in shown}


def last_entry() -> tuple[str, str, Any]:
    entry = Entry.objects.latest("pk")
    return entry.type, entry.actor_name, entry.data


# -- secrets ---------------------------------------------------------------------------------------


def secrets_of(connection: Connection) -> tuple[list[str], str]:
    row = Connection.objects.get(pk=connection.pk)
    return sorted(row.secrets.values_list("key", flat=True)), row.bearer_hash


@pytest.mark.parametrize(
    ("verb", "type"),
    [
        ("replace_secret", "connection.secret_replaced"),
        ("make_bearer_token", "connection.token_made"),
    ],
)
def test_a_new_secret_is_on_record(
    integrator: Client, erp: Connection, verb: str, type: str
) -> None:
    before = secrets_of(erp)
    shown = press(integrator, erp, verb)
    assert shown.status_code == 200
    assert secrets_of(erp) != before
    assert last_entry() == (type, "integrator@acme.com", {"reason": "Because."})
    assert Entry.objects.latest("pk").subject == erp.public_id
    assert shown.context["shown"].secret not in str(Entry.objects.latest("pk").data)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["replace_secret", "make_bearer_token"])
def test_a_secret_that_cannot_be_put_on_record_is_not_made(
    integrator: Client, erp: Connection, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no log")

    before = secrets_of(erp)
    monkeypatch.setattr(connections, "note", fails)
    with pytest.raises(RuntimeError, match="no log"):
        press(integrator, erp, verb)
    assert secrets_of(erp) == before


# -- how it stands ---------------------------------------------------------------------------------


def test_the_page_says_how_it_stands(integrator: Client, erp: Connection, api: Api) -> None:
    api.on(LIST, {"rows": [row(1), row(2, deciders=[{"login": "bo"}]), {"key": 3}]})
    poll(erp)
    shown = integrator.get(page(erp)).content.decode()
    assert "Now: ok" in shown
    assert "1 person without an address" in shown
    assert "1 request could not be read on " in shown
    assert "<li>3: it has no title</li>" in shown
    assert "URL for what it posts" in shown
    assert "<svg" in shown
    assert f"connection__id__exact={erp.pk}&amp;status__exact=needs_human" in shown
    assert SECRET not in shown


def test_a_failure_is_at_the_top(integrator: Client, erp: Connection, api: Api) -> None:
    api.on(LIST, {"message": "<b>Out</b> of order"}, status=500)
    poll(erp)
    shown = integrator.get(page(erp)).content.decode()
    assert "Now: failing" in shown
    assert "Failed 1 time in a row (server)" in shown
    assert "&lt;b&gt;Out&lt;/b&gt; of order" in shown


def test_a_run_is_as_high_as_it_saw_approvals(erp: Connection, clock: Clock) -> None:
    runs = [
        Run(job="delta", started_at=clock.now, ended_at=clock.now, seen=seen, error=error)
        for seen, error in ((0, ""), (50, ""), (100, "500"))
    ]
    drawn = [(bar.x, bar.y, bar.height, bar.has_failed) for bar in bars(runs)]
    assert drawn == [(0, 30, 2, False), (6, 15, 17, False), (12, 0, 32, True)]


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (None, ""),
        (0, "ahead by 0.0 s"),
        (7200.04, "ahead by 7200.0 s"),
        (-0.5, "behind by 0.5 s"),
    ],
)
def test_a_clock_is_ahead_or_behind(skew: float | None, words: str) -> None:
    assert clock_words(skew) == words


def test_the_page_says_where_the_clock_is(integrator: Client, erp: Connection) -> None:
    poll(erp)
    Poll.objects.update(clock_skew=-0.5)
    shown = integrator.get(page(erp)).content.decode()
    assert "<dt>Its clock is</dt><dd>behind by 0.5 s</dd>" in shown


def test_the_list_takes_the_same_queries_however_long(
    integrator: Client, workspace: Workspace, api: Api, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        connect(workspace, api, name=f"ERP {number}")
    with django_assert_max_num_queries(14):
        shown = integrator.get("/admin/mirroring/connection/").content.decode()
    assert shown.count("Any REST API") >= 12


# -- trying it out ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["test", "dry_run"])
def test_looking_at_the_page_asks_the_system_nothing(
    integrator: Client, erp: Connection, api: Api, verb: str
) -> None:
    with nothing_written():
        assert integrator.get(page(erp, verb)).status_code == 200
    assert api.asked() == []


def test_a_test_says_that_it_works(integrator: Client, erp: Connection) -> None:
    with nothing_written():
        shown = integrator.post(page(erp, "test")).content.decode()
    assert "It works" in shown
    assert "sayso" in shown


def test_a_test_says_where_the_clock_is(integrator: Client, erp: Connection, api: Api) -> None:
    api.on("GET /me", {"name": "sayso"}, Date="Sat, 01 Jan 2000 00:00:00 GMT")
    shown = integrator.post(page(erp, "test")).content.decode()
    assert "<dt>Its clock is</dt><dd>behind by " in shown


def test_a_test_says_what_to_do(integrator: Client, erp: Connection, api: Api) -> None:
    api.on("GET /me", {"message": f"{SECRET}?"}, status=401)
    shown = integrator.post(page(erp, "test")).content.decode()
    assert "It does not work: auth" in shown
    assert "Enter new credentials" in shown
    assert SECRET not in shown


def test_a_dry_run_is_a_table_with_the_raw_beside_the_mapped(
    integrator: Client, erp: Connection, api: Api
) -> None:
    rows = [row(1, subject="<script>x</script>"), row(2, deciders=[]), {"key": 3}]
    api.on(LIST, {"rows": rows})
    with nothing_written():
        shown = integrator.post(page(erp, "dry_run"), {"from_start": "on"}).content.decode()
    assert "1 new, 1 needs_human" in shown
    assert "&lt;script&gt;x&lt;/script&gt;" in shown
    assert "<script>x" not in shown
    assert "The system names nobody who may decide." in shown
    assert "it has no title" in shown
    assert "&quot;login&quot;: &quot;al&quot;" in shown


def test_a_system_that_fails_is_told_on_the_page(
    integrator: Client, erp: Connection, api: Api
) -> None:
    api.on(LIST, {"message": "Out of order"}, status=500)
    response = integrator.post(page(erp, "dry_run"))
    assert response.status_code == 424
    assert "Out of order" in response.content.decode()


# -- operating it ----------------------------------------------------------------------------------


def test_poll_now(integrator: Client, erp: Connection, clock: Clock) -> None:
    poll(erp)
    now = clock.move(seconds=5)
    assert press(integrator, erp, "poll_now").status_code == 302
    assert Poll.objects.get().next_attempt_at == now
    assert last_entry() == (*("connection.polled", "integrator@acme.com", {"reason": "Because."}),)


def test_a_pause_takes_the_row_from_whoever_reads(
    integrator: Client, erp: Connection, clock: Clock
) -> None:
    running = Poll.claim(erp.pk)
    assert running is not None
    press(integrator, erp, "pause")
    assert not running.write_outcome(cursor="x")
    row = Poll.objects.get()
    assert (row.paused_at, row.pause_reason, row.next_attempt_at) == (clock.now, "Because.", None)
    clock.move(days=1)
    polling.run(erp.pk)
    assert not Run.objects.exists()


def test_it_is_resumed(integrator: Client, erp: Connection, clock: Clock) -> None:
    press(integrator, erp, "pause")
    press(integrator, erp, "resume")
    row = Poll.objects.get()
    assert (row.paused_at, row.pause_reason, row.next_attempt_at) == (None, "", clock.now)
    polling.run(erp.pk)
    assert Record.objects.count() == 2


def test_a_rewind_begins_anew_and_asks_nobody_again(
    integrator: Client, erp: Connection, clock: Clock
) -> None:
    poll(erp)
    Poll.objects.update(cursor="somewhere", pass_started_at=clock.now, pass_count=7)
    running = Poll.objects.get()
    press(integrator, erp, "rewind", to="start")
    assert not running.write_outcome(cursor="x")
    row = Poll.objects.get()
    assert (row.cursor, row.pass_started_at, row.pass_count) == (None, None, 0)
    asks = set(Record.objects.values_list("ask", flat=True))
    polling.run(erp.pk)
    assert set(Record.objects.values_list("ask", flat=True)) == asks


def test_the_shadow_mode_and_its_end(
    integrator: Client, erp: Connection, api: Api, clock: Clock
) -> None:
    poll(erp)
    press(integrator, erp, "shadow")
    api.on(LIST, {"rows": [row(1), row(2), row(3)]})
    poll(erp)
    quiet = Record.objects.get(external_id="3").ask
    assert quiet is not None
    assert not quiet.notify
    assert "shadow" not in paths(integrator, erp)
    press(integrator, erp, "go_live", notices="at_once")
    assert last_entry()[0] == "connection.went_live"
    api.on(LIST, {"rows": [row(1), row(2), row(3), row(4)]})
    poll(erp)
    loud = Record.objects.get(external_id="4").ask
    assert loud is not None
    assert (loud.notify, loud.is_quiet) == (True, False)


def test_what_is_missing_is_really_gone(
    integrator: Client, erp: Connection, api: Api, clock: Clock
) -> None:
    api.on(LIST, {"rows": [row(number) for number in range(8)]})
    poll(erp)
    assert "accept_missing" not in paths(integrator, erp)
    clock.move(minutes=30)
    api.on(LIST, {"rows": []})
    poll(erp)
    assert "8 of 8 approvals that wait here are gone" in integrator.get(page(erp)).content.decode()
    press(integrator, erp, "accept_missing")
    polling.run(erp.pk)
    assert set(Record.objects.values_list("status", flat=True)) == {"cancelled"}


@pytest.mark.parametrize(
    ("verb", "prefix"), [("replace_secret", "whsec_"), ("make_bearer_token", "cbt_")]
)
def test_a_secret_is_made_and_shown_once(
    integrator: Client, erp: Connection, verb: str, prefix: str
) -> None:
    shown = press(integrator, erp, verb)
    assert prefix in shown.content.decode()
    assert prefix not in integrator.get(page(erp)).content.decode()
    assert last_entry()[2] == {"reason": "Because."}


def test_the_buttons_are_those_that_make_sense(
    integrator: Client, workspace: Workspace, erp: Connection
) -> None:
    posted = Connection.objects.create(
        workspace=workspace, name="Posted", created_at=erp.created_at
    )
    assert set(paths(integrator, posted)) == {"shadow", "replace_secret", "make_bearer_token"}
    running = set(VERBS) - {"resume", "accept_missing", "go_live"}
    assert set(paths(integrator, erp)) == running
    Poll.objects.update(paused_at=erp.created_at)
    assert set(paths(integrator, erp)) == running - {"poll_now", "pause", "rewind"} | {"resume"}


def test_every_button_is_a_link_in_one_place(integrator: Client, erp: Connection) -> None:
    """Menus that open by a script alone are closed to whoever has no mouse."""
    shown = integrator.get(page(erp)).content.decode()
    assert "actionDropdown" not in shown
    for verb, base in paths(integrator, erp).items():
        assert shown.count(f'href="{base}{verb}/"') == 1


@pytest.mark.parametrize("verb", VERBS)
def test_who_may_not_is_refused_and_a_stranger_finds_nothing(
    hire: Hire, erp: Connection, api: Api, verb: str
) -> None:
    operator = hire("Operator", erp.workspace)
    elsewhere = hire("Owner", WorkspaceFactory(name="Umbrella"))
    assert verb not in paths(operator, erp)
    with nothing_written():
        assert press(operator, erp, verb).status_code == 403
        assert press(elsewhere, erp, verb).status_code == 404
    assert api.asked() == []


# -- people ----------------------------------------------------------------------------------------


def test_an_address_is_typed_and_what_waited_for_it_is_asked(
    integrator: Client, erp: Connection, api: Api
) -> None:
    api.on(LIST, {"rows": [row(1, deciders=[{"login": "bo"}])]})
    poll(erp)
    bo = Identity.objects.get()
    where = f"/admin/mirroring/identity/{bo.pk}/name_address/"
    with nothing_written():
        refused = integrator.post(where, {"address": "nobody", "reason": "x"})
    assert refused.status_code == 200
    done = integrator.post(where, {"address": "bo@acme.com", "reason": "Said HR."})
    assert done.status_code == 302
    record = sync.follow(record_id=Record.objects.get().pk)
    assert (record.status, record.approvers) == ("pending", ["bo@acme.com"])
    type, _, data = last_entry()
    assert type == "connection.person_named"
    assert data == {"external_id": "bo", "waiting": 1, "reason": "Said HR."}


def test_the_people_without_an_address_are_listed(
    integrator: Client, erp: Connection, clock: Clock
) -> None:
    for name, address in (("bo", ""), ("al", "al@acme.com")):
        Identity.objects.create(
            connection=erp, external_id=name, address=address, first_seen_at=clock.now
        )
    listed = integrator.get(
        f"/admin/mirroring/identity/?connection__id__exact={erp.pk}&address__exact="
    )
    assert [each.external_id for each in listed.context["cl"].result_list] == ["bo"]


def test_the_menu_leads_to_the_people(integrator: Client) -> None:
    menu = integrator.get("/admin/").context["sidebar_navigation"]
    links = {str(page["title"]): str(page["link"]) for group in menu for page in group["items"]}
    assert links["Identities"] == "/admin/mirroring/identity/"
