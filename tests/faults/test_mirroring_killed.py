"""A worker killed while it mirrors: each approval and each person once, no decision twice.

The system itself kills it (SIGKILL, by its pid), at a chosen request or at the answer to it. Then
another worker is started, and the leases of the dead one run out.
"""

import contextlib
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.mirroring_worker import STORING
from tests.mirroring.emulators import faults
from tests.mirroring.emulators.server import Asked, HangUp, Said
from tests.mirroring.emulators.servicenow import ACCOUNTS, APPROVALS, ServiceNow
from tests.mirroring.emulators.servicenow_table import Approval
from tests.server import Installation, Outsider, Process, installed
from tests.waiting.raw import until

OURS = "sayso.integration"
PAGE, PAGES = 3, 3
LEASES = 400  # seconds, after which none holds any more
SHOWN = 130  # seconds, after which a decision that was sent would show
WITHIN = 60.0  # a machine at rest needs a few seconds
MAIL = "alice@corp.example: Decision needed"
ASKED = {"track.created": 1, "record.seen": 1, "input_request.created": 1, "approver.notified": 1}
MAILS = [f"{MAIL}: 12 laptops", f"{MAIL.replace(': ', ': Re: ')}: 12 laptops"]
DECIDED = ASKED | {
    "input_request.answered": 1,
    "record.pushed": 1,
    "record.confirmed": 1,
    "approver.notified": 2,
}


class Deadly(ServiceNow):
    """A ServiceNow that kills at a chosen request: before it does what it is asked, or after."""

    def __init__(self) -> None:
        super().__init__()
        self._frozen: dict[str, Approval] = {}
        self._moment: Iterator[bool] = iter(())
        self._which: Callable[[Asked], bool] = lambda _: False

    def kill_at(
        self, which: Callable[[Asked], bool], kill: Callable[[], None], *, skip: int = 0,
        is_done: bool = False,
    ) -> None:  # fmt: skip
        """Kill whoever sends a request like this, the first one or after so many."""
        self._which, self._kill, self._is_done = which, kill, is_done
        self._moment = iter([False] * skip + [True])

    def serve(self, asked: Asked) -> Said:
        is_now = self._which(asked) and next(self._moment, False)
        if is_now and not self._is_done:
            self._end()
        said = super().serve(asked)
        if is_now:
            self._end()
        return said

    def _end(self) -> None:
        self._kill()
        raise HangUp

    def freeze(self, ref: str) -> None:
        """Show an approval as it is now, whatever is written, until it is shown again."""
        self._frozen[ref] = copy(self.table.rows[ref])

    def thaw(self) -> None:
        """Show everything as it is."""
        self._frozen.clear()

    def _row(self, row: Approval, query: Any) -> dict[str, Any]:
        return super()._row(self._frozen.get(row.sys_id, row), query)


def asks_for_a_page(asked: Asked) -> bool:
    return asked.path == APPROVALS and asked.query.get("sysparm_limit") == "100"


def reads_one(asked: Asked) -> bool:
    return asked.method == "GET" and asked.path.startswith(f"{APPROVALS}/")


def decides(asked: Asked) -> bool:
    return asked.method == "PATCH" and asked.path.startswith(f"{APPROVALS}/")


def reads_notes(asked: Asked) -> bool:
    return asked.method == "GET" and "/sc_req_item/" in asked.path


def leaves_a_mark(asked: Asked) -> bool:
    return asked.method == "PATCH" and "/sc_req_item/" in asked.path


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    with installed() as place:
        place.env["SAYSO_EGRESS_ALLOW"] = "127.0.0.0/8"
        yield place


@pytest.fixture(scope="module")
def outsider(place: Installation) -> Outsider:
    return place.outsider(module="tests.faults.mirroring_outsider")


@pytest.fixture(scope="module")
def worker(place: Installation) -> Process:
    """A worker of one process. Whoever has it killed starts another."""
    return place.process("worker", "-m", "tests.faults.mirroring_worker")


@dataclass
class Mirror:
    """A system, its connection, and the worker that talks to it."""

    system: Deadly
    connection: str
    outsider: Outsider
    worker: Process
    folder: Any

    def call(self, name: str, **more: Any) -> Any:
        return self.outsider.call(name, connection=self.connection, **more)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something, and do meanwhile what beat does."""

        def is_so() -> bool:
            self.outsider.call("wake")
            self.outsider.call("sweep", hours_later=0)
            return condition()

        until(is_so, within=WITHIN)

    def until_killed(self) -> None:
        until(lambda: not self.worker.is_running(), within=WITHIN)

    def another_worker(self) -> None:
        """Start another worker, some time after the first has died."""
        self.worker.restart()
        self.outsider.call("lapse", seconds=LEASES)

    def is_passed(self) -> bool:
        return bool(self.call("is_passed"))

    def told(self) -> int:
        """Return how many mails have left, and are written down as having left."""
        records = self.call("records").values()
        return sum(each["events"].get("approver.notified", 0) for each in records)

    def marks(self) -> list[int]:
        """Return how often each document was marked."""
        notes = [each.work_notes for each in self.system.documents.values()]
        return [sum("[sayso-asked-" in note for note in each) for each in notes]


@pytest.fixture
def mirror(place: Installation, outsider: Outsider, worker: Process) -> Iterator[Mirror]:
    """A connection whose first load, of nothing, is over: from now on each approval is a mail."""
    ((username, password),) = ACCOUNTS.items()
    with contextlib.closing(Deadly()) as system:
        account = {"username": username, "password": password}
        connection = outsider.call("connect_system", url=system.url, **account)
        mirror = Mirror(system, connection, outsider, worker, place.folder)
        mirror.until(mirror.is_passed)
        yield mirror
        assert outsider.call("fault") is None


# -- while it polls --------------------------------------------------------------------------------


def asking_for_the_second_page(mirror: Mirror) -> None:
    """Once the mails of the first have left: what leaves as its process dies may do so twice."""

    def kill() -> None:
        until(lambda: mirror.told() == PAGE, within=WITHIN)
        mirror.worker.kill()

    mirror.system.kill_at(asks_for_a_page, kill, skip=1)


def storing_a_page(mirror: Mirror) -> None:
    (mirror.folder / STORING).touch()


def with_a_page_stored(mirror: Mirror) -> None:
    mirror.system.kill_at(reads_notes, mirror.worker.kill)


def with_a_mark_left(mirror: Mirror) -> None:
    mirror.system.kill_at(leaves_a_mark, mirror.worker.kill, is_done=True)


@pytest.mark.parametrize(
    ("moment", "marks"),
    [
        (storing_a_page, [1, 1, 1]),
        (with_a_page_stored, [0, 0, 0]),
        (with_a_mark_left, [1, 0, 0]),
        (asking_for_the_second_page, [1, 1, 1]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_worker_killed_in_the_middle_of_a_pass(
    mirror: Mirror, moment: Callable[[Mirror], None], marks: list[int]
) -> None:
    """Whoever follows up what a dead worker had stored tells of it, and leaves no mark."""
    system = mirror.system
    system.faults.add(faults.SHORT_PAGE, times=None, rows=PAGE)
    refs = []
    for number in range(PAGE * PAGES):
        # So far apart that the next pass, which begins a little earlier, mends nothing.
        system.clock.advance(600)
        refs.append(system.open(f"Request {number}"))
    moment(mirror)

    mirror.call("poll")
    mirror.until_killed()
    mirror.another_worker()
    mirror.until(lambda: mirror.is_passed() and mirror.told() >= len(refs))

    assert mirror.call("records") == {
        ref: {"status": "pending", "events": ASKED, "mails": [f"{MAIL}: Request {number}"]}
        for number, ref in enumerate(refs)
    }
    assert mirror.marks() == marks + [1] * (len(refs) - PAGE)


# -- while it writes back --------------------------------------------------------------------------


@pytest.fixture
def ref(mirror: Mirror) -> str:
    """An approval whose approver has been told of it."""
    ref = mirror.system.open("12 laptops")
    mirror.call("poll")
    mirror.until(lambda: mirror.told() == 1)
    return ref


def is_confirmed(mirror: Mirror) -> bool:
    return bool(mirror.call("push")["status"] == "confirmed" and mirror.told() >= 2)


def decided_once(mirror: Mirror, ref: str) -> None:
    made = [(each.state, each.by) for each in mirror.system.decisions[ref]]
    assert made == [("approved", OURS)]
    (record,) = mirror.call("records").values()
    assert record == {"status": "approved", "events": DECIDED, "mails": MAILS}
    assert mirror.marks() == [1]


@pytest.mark.parametrize("looks", [0, 1])
def test_a_worker_killed_between_a_decision_and_its_confirmation(
    mirror: Mirror, ref: str, looks: int
) -> None:
    """The connector looks, and then the worker."""

    def looks_after(asked: Asked) -> bool:
        return reads_one(asked) and ref in mirror.system.decisions

    mirror.system.kill_at(looks_after, mirror.worker.kill, skip=looks)

    mirror.call("decide", ref=ref)
    mirror.until_killed()
    mirror.another_worker()
    mirror.until(lambda: is_confirmed(mirror))

    decided_once(mirror, ref)


def test_a_worker_killed_before_the_system_has_answered(mirror: Mirror, ref: str) -> None:
    """What it wrote does not show yet when another looks: it is waited for, and not sent again."""
    mirror.system.freeze(ref)
    mirror.system.kill_at(decides, mirror.worker.kill, is_done=True)

    mirror.call("decide", ref=ref)
    mirror.until_killed()
    mirror.another_worker()
    mirror.until(lambda: mirror.call("push") != {"status": "sent", "what": "sending"})
    assert mirror.call("push") == {"status": "sent", "what": "waiting"}
    mirror.system.thaw()
    mirror.outsider.call("lapse", seconds=SHOWN, since_sent=True)
    mirror.until(lambda: is_confirmed(mirror))

    decided_once(mirror, ref)


def test_a_worker_killed_before_the_system_has_decided(mirror: Mirror, ref: str) -> None:
    """Nobody can tell at first: it is sent again only once it would show."""
    mirror.system.kill_at(decides, mirror.worker.kill)

    mirror.call("decide", ref=ref)
    mirror.until_killed()
    mirror.another_worker()
    mirror.until(lambda: mirror.call("push") != {"status": "sent", "what": "sending"})
    assert mirror.call("push") == {"status": "sent", "what": "waiting"}
    assert ref not in mirror.system.decisions
    mirror.outsider.call("lapse", seconds=SHOWN, since_sent=True)
    mirror.until(lambda: is_confirmed(mirror))

    decided_once(mirror, ref)
