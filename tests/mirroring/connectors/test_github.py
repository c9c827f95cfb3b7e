"""What is GitHub's own, against an emulator with its faults, and against answers as documented."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirroring.connectors.base import (
    BadConfig,
    ConnectorError,
    Gone,
    Kind,
    Outcome,
    Person,
    Result,
    Skipped,
    State,
)
from mirroring.connectors.github import MAY_NOT, GitHub
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.github_system import GitHubSystem
from tests.mirroring.connectors.system import find
from tests.mirroring.connectors.test_contract import ALICE, decide
from tests.mirroring.emulators.github import user

PAYLOADS = Path(__file__).parent / "payloads" / "github"
CONFIG = {"token": "ghp_sayso0123456789", "repositories": "octo-org/shop"}
RUN = "/repos/octo-org/shop/actions/runs/30433642"
APPROVED_ONCE = "octo-org/shop/30433642/1/staging/0-0"


@pytest.fixture
def github() -> Iterator[GitHubSystem]:
    system = GitHubSystem()
    yield system
    system.close()


@pytest.fixture
def documented(api: Api) -> Api:
    runs = json.loads((PAYLOADS / "runs.json").read_text())
    api.on("GET /user", {"login": "sayso-bot", "type": "User"})
    api.on("GET /repos/octo-org/shop/actions/runs", runs)
    api.on(f"GET {RUN}", runs["workflow_runs"][0])
    api.on(f"GET {RUN}/approvals", [])
    pending = (PAYLOADS / "pending_deployments.json").read_bytes()
    api.on(f"GET {RUN}/pending_deployments", pending)
    other = RUN.replace("642", "643")
    api.on(f"GET {other}/approvals", [])
    api.on(f"GET {other}/pending_deployments", pending)
    return api


def decide_blindly(github: GitHubSystem, ref: str) -> Outcome:
    return github.connector().decide(
        ref, "approve", actor=ALICE, comment="", expected="x", key="sayso-1"
    )


# -- reading ---------------------------------------------------------------------------------------


def test_a_documented_page_is_read(documented: Api) -> None:
    people = "octocat: octo@corp.example\njustice-league: league@corp.example"
    connector = GitHub({**CONFIG, "base_url": documented.url, "people": people})
    page = connector.list(None, 100)
    (item,) = page.items
    assert item.external_id == APPROVED_ONCE
    assert item.title == "Deploy to staging: Update README.md"
    assert item.details == "Update README.md\n\nThe second section was out of date."
    assert item.approvers == (
        Person(id="octocat", email="octo@corp.example", name="octocat"),
        Person(id="team justice-league", email="league@corp.example", name="Justice League"),
    )
    assert item.requester == Person(id="octocat", email="octo@corp.example", name="octocat")
    assert item.summary == (
        ("Repository", "octo-org/shop"),
        ("Environment", "staging"),
        ("Workflow", "Build and deploy"),
        ("Branch", "main"),
        ("Commit", "acb5820ced9479c074f688cc328bf03f341a511d"),
        ("Started by", "push"),
        ("Run", "#562, attempt 1"),
    )
    assert item.url == "https://github.com/octo-org/shop/actions/runs/30433642"
    assert (page.complete, page.is_snapshot) == (True, True)
    assert [each.which for each in page.skipped] == ["30433643"]


def test_every_request_is_as_github_wants_it(documented: Api) -> None:
    GitHub({**CONFIG, "base_url": documented.url}).list(None, 100)
    (seen,) = documented.asked("GET /repos/octo-org/shop/actions/runs")[:1]
    assert seen.headers["authorization"] == "Bearer ghp_sayso0123456789"
    assert seen.headers["accept"] == "application/vnd.github+json"
    assert seen.headers["x-github-api-version"] == "2022-11-28"
    assert seen.headers["user-agent"] == "Sayso"
    assert documented.queries("GET /repos/octo-org/shop/actions/runs")[0] == {
        "status": "waiting",
        "per_page": "10",
        "page": "1",
    }


def test_a_documented_history_tells_who_approved(documented: Api) -> None:
    documented.on(f"GET {RUN}/approvals", (PAYLOADS / "approvals.json").read_bytes())
    documented.on(f"GET {RUN}/pending_deployments", [])
    item = GitHub({**CONFIG, "base_url": documented.url}).get(APPROVED_ONCE)
    assert item.state == State.APPROVED
    assert item.decided_by == Person(id="octocat", name="octocat")
    assert item.raw["reviews"][0]["comment"] == "Ship it!"


def test_a_run_asks_for_each_of_its_environments(github: GitHubSystem) -> None:
    run = github.server.push("Two of them", environments=("eu-1 / blue", "us"))
    connector = github.connector()
    refs = [item.external_id for item in connector.list(None, 10).items]
    assert refs == [
        f"octo-org/shop/{run}/1/eu-1%20%2F%20blue/0-0",
        f"octo-org/shop/{run}/1/us/0-0",
    ]
    assert decide(github, refs[0], "approve").result == Result.APPLIED
    states = [connector.get(ref).state for ref in refs]
    assert states == [State.APPROVED, State.PENDING]


def test_every_repository_is_gone_through(github: GitHubSystem) -> None:
    run = github.server.push("In the second", repository="octo-org/site")
    ref = f"octo-org/site/{run}/1/production/0-0"
    first = github.connector().list(None, 10)
    assert (first.items, first.complete) == ((), False)
    assert find(github.connector(), ref) is not None


def test_who_reviews_is_found_by_login_team_and_domain(github: GitHubSystem) -> None:
    ref = github.open("Many reviewers")
    team = {"name": "Site Reliability", "slug": "sre", "id": 7}
    github.server.pending[github.run(ref)][0]["reviewers"] += [
        {"type": "User", "reviewer": user("Bob")},
        {"type": "User", "reviewer": user("renovate[bot]", "Bot")},
        {"type": "Team", "reviewer": team},
    ]
    people = "BOB: bob@partner.example\nsre: oncall@corp.example"
    assert github.connector(people=people).get(ref).approvers == (
        Person(id="alice", email="alice@corp.example", name="alice"),
        Person(id="Bob", email="bob@partner.example", name="Bob"),
        Person(id="renovate[bot]", name="renovate[bot]"),
        Person(id="team sre", email="oncall@corp.example", name="Site Reliability"),
    )


def test_the_account_itself_is_asked_only_where_it_has_an_address(github: GitHubSystem) -> None:
    ref = github.open("The bot alone")
    github.server.pending[github.run(ref)][0]["reviewers"].pop()
    assert github.connector().get(ref).approvers == ()
    cfo = Person(id="cfo@corp.example", email="cfo@corp.example")
    assert github.connector(default_approver="cfo@corp.example").get(ref).approvers == (cfo,)
    mapped = github.connector(people="sayso-bot: mona@corp.example").get(ref).approvers
    assert mapped == (Person(id="sayso-bot", email="mona@corp.example", name="sayso-bot"),)


def test_what_the_account_may_not_review_is_told_and_not_listed(github: GitHubSystem) -> None:
    ref = github.open("Not for the bot")
    del github.server.pending[github.run(ref)][0]["reviewers"][0]
    connector = github.connector()
    page = connector.list(None, 10)
    which = f"octo-org/shop/{github.run(ref)}/production"
    assert (page.items, page.skipped) == ((), (Skipped(which=which, why=MAY_NOT),))
    health = connector.check()
    assert (health.ok, health.account) == (True, "sayso-bot")
    assert health.how_to_fix == f"octo-org/shop, production: {MAY_NOT}"
    assert connector.get(ref).state == State.PENDING
    expected = connector.get(ref).revision
    outcome = connector.decide(
        ref, "approve", actor=ALICE, comment="", expected=expected, key="sayso-1"
    )
    assert (outcome.result, github.server.posted) == (Result.FORBIDDEN, [])


def test_a_timer_and_a_rule_without_reviewers_want_nobody(github: GitHubSystem) -> None:
    timed, ruled = github.open("Timed"), github.open("Ruled")
    github.server.pending[github.run(timed)][0] |= {
        "wait_timer": 60_000_000,
        "wait_timer_started_at": "2026-11-22T10:00:00Z",
    }
    github.server.pending[github.run(ruled)][0]["reviewers"] = []
    connector = github.connector()
    page = connector.list(None, 10)
    assert (page.items, page.skipped) == ((), ())
    states = [connector.get(ref).state for ref in (timed, ruled)]
    assert states == [State.NOT_REQUIRED, State.NOT_REQUIRED]


# -- the same environment again --------------------------------------------------------------------


def test_a_later_job_asks_anew_for_the_same_environment(github: GitHubSystem) -> None:
    ref = github.open("Twice in a run")
    run = github.run(ref)
    github.decide(ref, State.APPROVED)
    github.server.ask(run, "production")
    connector = github.connector()
    (item,) = connector.list(None, 10).items
    assert item.external_id == f"octo-org/shop/{run}/1/production/1-0"
    assert connector.get(ref).state == State.APPROVED
    assert decide(github, item.external_id, "deny").result == Result.APPLIED
    assert connector.get(item.external_id).state == State.REJECTED
    # With one of each since it was asked for, nothing tells which of them was the answer to it.
    assert connector.get(ref).state == State.UNKNOWN


def test_a_run_started_anew_is_another_approval(github: GitHubSystem) -> None:
    ref = github.open("Started anew")
    github.server.start_anew(github.run(ref), "production")
    connector = github.connector()
    with pytest.raises(Gone):
        connector.get(ref)
    assert decide_blindly(github, ref).result == Result.GONE
    (anew,) = connector.list(None, 10).items
    assert anew.external_id == ref.replace("/1/production", "/2/production")


def test_what_was_rejected_stays_so_while_the_run_is_started_anew(github: GitHubSystem) -> None:
    ref = github.open("Rejected, then anew")
    github.decide(ref, State.REJECTED)
    github.server.start_anew(github.run(ref), "production")
    connector = github.connector()
    assert connector.get(ref).state == State.REJECTED
    (anew,) = connector.list(None, 10).items
    assert anew.external_id.endswith("/2/production/0-1")
    assert decide(github, anew.external_id, "approve").result == Result.APPLIED
    assert connector.get(anew.external_id).state == State.APPROVED
    with pytest.raises(Gone):
        connector.get(ref)


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        ("cancelled", State.CANCELLED),
        ("failure", State.CANCELLED),
        ("success", State.NOT_REQUIRED),
        ("something_new", State.UNKNOWN),
    ],
)
def test_a_run_that_ended_without_a_review(
    github: GitHubSystem, conclusion: str, state: State
) -> None:
    ref = github.open("Nobody came")
    github.server.end(github.run(ref), conclusion)
    assert github.connector().get(ref).state == state
    assert decide(github, ref, "approve").result == Result.CONFLICT


# -- deciding --------------------------------------------------------------------------------------


def test_a_review_names_the_person_and_one_environment(github: GitHubSystem) -> None:
    ref = github.open("Named")
    assert decide(github, ref, "deny", key="sayso-77").result == Result.APPLIED
    (sent,) = github.server.posted
    assert (sent["environment_ids"], sent["state"]) == ([161088068], "rejected")
    assert sent["comment"] == (
        "Deny: decided by Alice Approver <alice@corp.example> at 2026-11-22 10:30 UTC through "
        "Sayso (receipt rcp_0123456789).\n\n[sayso-77]"
    )
    item = github.connector().get(ref)
    assert item.decided_by is not None
    assert (item.state, item.decided_by.id) == (State.REJECTED, "sayso-bot")


@pytest.mark.parametrize("fault", ["server_error_after_commit", "dropped_after_commit"])
def test_a_lost_answer_leads_to_a_look(github: GitHubSystem, fault: str) -> None:
    ref = github.open("Lost")
    github.server.faults = [fault]
    assert decide(github, ref, "approve").result == Result.UNKNOWN
    assert github.connector().get(ref).state == State.APPROVED
    assert decide(github, ref, "approve").result == Result.ALREADY_SAME
    assert len(github.server.posted) == 1


def test_a_rejection_that_came_first_stays(github: GitHubSystem) -> None:
    ref = github.open("Rejected meanwhile")
    github.server.faults = ["rejected_meanwhile"]
    outcome = decide(github, ref, "approve")
    assert outcome.result == Result.CONFLICT
    assert "rejected" in outcome.detail
    assert github.connector().get(ref).state == State.REJECTED


def test_an_approval_that_came_first_is_the_same(github: GitHubSystem) -> None:
    ref = github.open("Approved meanwhile")
    github.server.faults = ["approved_meanwhile"]
    assert decide(github, ref, "approve").result == Result.ALREADY_SAME
    assert github.log(ref) == ["In the browser."]


def test_a_review_refused_while_it_is_wanted_is_tried_later(github: GitHubSystem) -> None:
    ref = github.open("Refused")
    github.server.faults = ["refused"]
    outcome = decide(github, ref, "approve")
    assert (outcome.result, outcome.retry_after) == (Result.RETRY_LATER, 60)
    assert decide(github, ref, "approve").result == Result.APPLIED


def test_a_success_that_is_not_seen_yet_is_unknown(github: GitHubSystem) -> None:
    ref = github.open("Not yet visible")
    github.server.faults = ["not_yet_visible"]
    assert decide(github, ref, "approve").result == Result.UNKNOWN


def test_a_decision_against_a_spent_limit_is_tried_later(github: GitHubSystem) -> None:
    ref = github.open("Spent")
    expected = github.connector().get(ref).revision
    github.server.faults = ["limit_spent"]
    outcome = github.connector().decide(
        ref, "approve", actor=ALICE, comment="", expected=expected, key="sayso-1"
    )
    assert outcome.result == Result.RETRY_LATER
    assert outcome.retry_after in (89, 90)
    assert github.server.posted == []


# -- failing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind", "pauses"),
    [
        ("server_error", Kind.SERVER, {None}),
        ("too_many_requests", Kind.RATE_LIMITED, {7}),
        ("limit_spent", Kind.RATE_LIMITED, {89, 90}),
        ("secondary_limit", Kind.RATE_LIMITED, {60}),
    ],
)
def test_a_failing_list_is_no_empty_one(
    github: GitHubSystem, fault: str, kind: Kind, pauses: set[float | None]
) -> None:
    github.server.faults = [fault]
    with pytest.raises(ConnectorError) as failure:
        github.connector().list(None, 10)
    assert failure.value.kind == kind
    assert failure.value.retry_after in pauses
    assert failure.value.permanent is False


def test_a_slow_answer_is_a_timeout(github: GitHubSystem) -> None:
    github.server.faults = ["slow"]
    connector = github.connector()
    assert isinstance(connector, GitHub)
    connector.api.session.total = 0.1
    with pytest.raises(ConnectorError) as failure:
        connector.list(None, 10)
    assert failure.value.kind == Kind.TIMEOUT


def test_a_repository_that_is_not_seen_is_no_empty_one(github: GitHubSystem) -> None:
    ref = github.open("Behind a wall")
    stranger = github.connector(token="ghp_stranger0123456")
    for call in (lambda: stranger.list(None, 10), lambda: stranger.get(ref)):
        with pytest.raises(ConnectorError) as failure:
            call()
        assert failure.value.kind == Kind.FORBIDDEN
    health = stranger.check()
    assert (health.ok, health.error) == (False, Kind.FORBIDDEN)
    assert "octo-org/shop" in health.detail


def test_a_run_that_was_deleted_is_gone(github: GitHubSystem) -> None:
    ref = github.open("Deleted")
    del github.server.runs[github.run(ref)]
    with pytest.raises(Gone):
        github.connector().get(ref)


def test_another_repository_is_never_asked(github: GitHubSystem) -> None:
    ref = github.open("Elsewhere").replace("octo-org/shop", "octo-org/secret")
    with pytest.raises(Gone):
        github.connector().get(ref)
    assert github.server.requests == []


def test_a_bad_configuration_is_told_line_by_line() -> None:
    with pytest.raises(BadConfig) as refusal:
        GitHub({**CONFIG, "repositories": "octo-org/shop\n\nshop", "people": "mona at home"})
    assert [str(problem) for problem in refusal.value.problems] == [
        "repositories, line 3: Write owner/name.",
        "people, line 1: Write name: address.",
    ]


def test_what_is_left_empty_is_github_itself() -> None:
    connector = GitHub({**CONFIG, "base_url": "", "requests_per_minute": ""})
    assert connector.api.session.base_url == "https://api.github.com"


def test_lists_stop_before_decisions_where_the_budget_ends(github: GitHubSystem) -> None:
    ref = github.open("Within the budget")
    connector = github.connector(requests_per_minute="40")
    expected = connector.get(ref).revision
    for _ in range(8):  # of three requests each
        connector.list(None, 10)
    with pytest.raises(ConnectorError) as failure:
        connector.list(None, 10)
    assert failure.value.kind == Kind.RATE_LIMITED
    outcome = connector.decide(
        ref, "approve", actor=ALICE, comment="", expected=expected, key="sayso-1"
    )
    assert outcome.result == Result.APPLIED
