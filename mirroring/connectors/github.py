"""GitHub: deployments of workflow runs that wait for a review, on github.com or on a server.

Facts relied upon, from GitHub's REST reference: a run whose job waits for an environment has the
status `waiting`; GET …/pending_deployments names the environments, who may review, and whether the
token's user is among them; POST there wants environment_ids, state and comment, and one of the
reviewers is enough ("Workflow runs"). A job that is not reviewed in 30 days fails ("Reviewing
deployments"). A spent limit is a 403 or a 429: `retry-after` or, where `x-ratelimit-remaining` is
0, `x-ratelimit-reset` says until when, else a minute ("Rate limits for the REST API"). Without a
right the answer is 404 ("Troubleshooting the REST API").

Reported by users of it: a review that is not wanted (any more), that comes during a wait timer or
from somebody who may not give it is refused with 422, in the same words for all of these; so what
it means is looked up, not read. What a review is known by is in github_reviews.py.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from mirroring.connectors.addresses import read_addresses, read_names
from mirroring.connectors.base import (
    APPROVE,
    DENY,
    Actor,
    BadConfig,
    Capabilities,
    ConfigField,
    ConnectorError,
    CursorKind,
    Gone,
    Health,
    Item,
    Kind,
    NoteTime,
    Option,
    Outcome,
    Page,
    Person,
    Result,
    Skipped,
    State,
    option_of,
    statement,
)
from mirroring.connectors.config import checked
from mirroring.connectors.github_api import Api, Rows
from mirroring.connectors.github_reviews import (
    Seen,
    Wanted,
    attempt_of,
    reviews_of,
    state_of,
    wants_review,
)
from mirroring.connectors.http import PAUSE, Answer, Session
from mirroring.connectors.keyset import Position, foreign_cursor
from mirroring.connectors.outcomes import (
    outcome_before_sending,
    outcome_of_answer,
    outcome_of_error,
    refusal,
    unhealthy,
)
from mirroring.connectors.rows import UNREADABLE, fitting
from mirroring.connectors.values import digest_of, read_time

WORD_OF = {APPROVE.code: "approved", DENY.code: "rejected"}
PUBLIC = "https://api.github.com"
REQUESTS_PER_MINUTE = "80"
LARGEST_PAGE = 10  # runs; each takes two more requests
REPOSITORY = r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+"
MAY_NOT = "The token's user may not review it: make it a reviewer of the environment."

Found = tuple[tuple[Item, ...], tuple[Skipped, ...]]


class GitHub:
    """Deployments that wait for a review."""

    name: ClassVar[str] = "github"
    title: ClassVar[str] = "GitHub deployments"
    fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="base_url",
            label="API URL",
            help="Of a GitHub Enterprise Server: https://github.example.com/api/v3",
            kind="url",
            required=False,
            default=PUBLIC,
        ),
        ConfigField(
            name="token",
            label="Token",
            help="Of a user who is a reviewer of the environments.",
            kind="secret",
        ),
        ConfigField(
            name="repositories",
            label="Repositories",
            help="One a line, as in octo-org/shop.",
            kind="long_text",
        ),
        ConfigField(
            name="people",
            label="Addresses of people",
            help="One a line, as in monalisa: mona@example.com; a team by its short name.",
            kind="long_text",
            required=False,
        ),
        ConfigField(
            name="mail_domain",
            label="Mail domain",
            help="Makes addresses of all other logins: hubot becomes hubot@corp.example.",
            required=False,
        ),
        ConfigField(
            name="default_approver",
            label="Default approver",
            help="The address of whoever decides where no reviewer has one.",
            required=False,
        ),
        ConfigField(
            name="requests_per_minute",
            label="Requests a minute",
            help="GitHub allows a user 5,000 an hour.",
            kind="number",
            required=False,
            default=REQUESTS_PER_MINUTE,
        ),
    )

    def __init__(self, config: Mapping[str, str]) -> None:
        self.config = checked(self.fields, config)
        self.repositories, wrong = read_names(
            self.config["repositories"],
            field="repositories",
            pattern=REPOSITORY,
            hint="Write owner/name.",
        )
        self.people, more = read_addresses(self.config["people"], field="people")
        if wrong or more:
            raise BadConfig([*wrong, *more])
        budget = int(self.config["requests_per_minute"] or REQUESTS_PER_MINUTE)
        base = self.config["base_url"] or PUBLIC
        self.api = Api(base, self.config["token"], per_minute=budget or None)

    @property
    def session(self) -> Session:
        """Return what all requests go through."""
        return self.api.session

    def capabilities(self) -> Capabilities:
        """Return what GitHub can do."""
        return Capabilities(cursor=CursorKind.SNAPSHOT, note=NoteTime.WITH_DECISION)

    # -- reading -----------------------------------------------------------------------------------

    def check(self) -> Health:
        """Prove the token, that it sees each repository, and that it may review what waits."""
        total, hint = 0, ""
        try:
            login = self.api.login
            for repository in self.repositories:
                runs, answer = self.api.runs(repository, {"per_page": "1"}, purpose="get")
                total += int(answer.json["total_count"])
                hint = hint or self._hint(repository, runs)
        except ConnectorError as error:
            return unhealthy(error, self.session)
        except UNREADABLE as error:
            wrong = ConnectorError(f"GitHub answered oddly: {error}", kind=Kind.BAD_ANSWER)
            return unhealthy(wrong, self.session)
        return Health(
            ok=True,
            account=login,
            detail=f"{total} runs wait.",
            clock_skew=self.session.skew,
            how_to_fix=hint,
        )

    def _hint(self, repository: str, runs: Rows) -> str:
        """Return what keeps the account from reviewing the newest run that waits."""
        for run in runs:
            _, pending = self.api.reviews(repository, run["id"], purpose="get")
            wanted = [each for each in pending if wants_review(each, self.session.now())]
            if wanted and not any(each["current_user_can_approve"] for each in wanted):
                return f"{repository}, {wanted[0]['environment']['name']}: {MAY_NOT}"
        return ""

    def list(self, cursor: str | None, limit: int) -> Page:
        """Return what waits for a review, repository by repository."""
        at = Position.read(cursor)
        repository = at.token or self.repositories[0]
        if repository not in self.repositories:
            raise foreign_cursor()
        query = {"per_page": str(max(1, min(limit, LARGEST_PAGE))), "page": str(at.page)}
        runs, answer = self.api.runs(repository, query, purpose="list")
        found = [self._waiting(repository, index, run) for index, run in enumerate(runs)]
        following = self._following(at, repository, more=bool(answer.next_link))
        return Page(
            items=tuple(item for items, _ in found for item in items),
            cursor=following.write() if following else None,
            complete=following is None,
            is_snapshot=True,
            skipped=tuple(each for _, skipped in found for each in skipped),
        )

    def _following(self, at: Position, repository: str, *, more: bool) -> Position | None:
        if more:
            return replace(at, page=at.page + 1, token=repository)
        rest = self.repositories[self.repositories.index(repository) + 1 :]
        return Position(token=rest[0]) if rest else None

    def _waiting(self, repository: str, index: int, run: dict[str, Any]) -> Found:
        """Return what waits in a run, and what of it this account may not review."""
        items, skipped = [], []
        try:
            history, pending = self.api.reviews(repository, run["id"], purpose="list")
            for each in pending:
                name = each["environment"]["name"]
                seen = Seen(run, each, reviews_of(name, history))
                if not wants_review(each, self.session.now()):
                    continue
                if seen.may_review:
                    counts = (seen.approved, seen.rejected)
                    wanted = Wanted(repository, run["id"], attempt_of(run), name, *counts)
                    items.append(self._item(wanted, seen))
                else:
                    skipped.append(Skipped(which=f"{repository}/{run['id']}/{name}", why=MAY_NOT))
        except Gone:
            return (), ()
        except UNREADABLE as error:
            which = run.get("id") if isinstance(run, dict) else None
            skipped.append(Skipped(which=str(which or f"#{index}"), why=str(error)))
        return tuple(items), tuple(skipped)

    def get(self, ref: str) -> Item:
        """Return one; Gone when the run was started anew before anybody reviewed it."""
        return self._look(ref)[1]

    def _look(self, ref: str, *, purpose: str = "get") -> tuple[Seen, Item]:
        wanted = Wanted.read(ref)
        if wanted.repository not in self.repositories:
            raise Gone(f"{wanted.repository} is not one of the repositories")
        run = self.api.run(wanted.repository, wanted.run, purpose=purpose)
        history, pending = self.api.reviews(wanted.repository, wanted.run, purpose=purpose)
        try:
            same = (each for each in pending if each["environment"]["name"] == wanted.environment)
            seen = Seen(run, next(same, None), reviews_of(wanted.environment, history))
            return seen, self._item(wanted, seen)
        except UNREADABLE as error:
            raise ConnectorError(f"{ref[:80]}: {error}", kind=Kind.BAD_ANSWER) from None

    def _item(self, wanted: Wanted, seen: Seen) -> Item:
        run, state = seen.run, state_of(wanted, seen, self.session.now())
        approvers = self._approvers(seen.waiting["reviewers"]) if seen.waiting else ()
        rows = {
            "Repository": wanted.repository,
            "Environment": wanted.environment,
            "Workflow": run["name"],
            "Branch": run["head_branch"],
            "Commit": run["head_sha"],
            "Started by": run["event"],
            "Run": f"#{run['run_number']}, attempt {wanted.attempt}",
        }
        summary = tuple((name, str(value)) for name, value in rows.items() if value)
        title = f"Deploy to {wanted.environment}: {run['display_title']}"
        digest = digest_of({"title": title, "summary": summary})
        people = digest_of({"approvers": sorted(each.id for each in approvers)})
        requester = run.get("triggering_actor") or run.get("actor")
        item = Item(
            external_id=wanted.write(),
            revision=f"{state} {digest[:32]} {people[:16]}",
            state=state,
            title=title,
            details=(run.get("head_commit") or {}).get("message") or None,
            approvers=approvers,
            requester=self._person(requester) if requester else None,
            summary=summary,
            url=run["html_url"],
            created=read_time(run["created_at"]),
            updated=read_time(run["updated_at"]),
            decided_by=self._decider(seen.by(state)),
            material_digest=digest,
            raw=seen.raw(),
        )
        return fitting(item)

    # -- people ------------------------------------------------------------------------------------

    def _approvers(self, reviewers: Rows) -> tuple[Person, ...]:
        """Return the reviewers, but for the account that carries decisions out."""
        own, people = self.api.login.lower(), []
        for each in reviewers:
            is_team = each["type"] == "Team"
            person = self._team(each["reviewer"]) if is_team else self._person(each["reviewer"])
            if is_team or person.id.lower() != own or own in self.people:
                people.append(person)
        default = self.config["default_approver"]
        if default and not any(each.email for each in people):
            return (Person(id=default, email=default),)
        return tuple(people)

    def _person(self, user: dict[str, Any]) -> Person:
        login, domain = str(user["login"]), self.config["mail_domain"]
        made = f"{login}@{domain}" if domain and user.get("type") != "Bot" else None
        name = user.get("name") or login
        return Person(id=login, email=self.people.get(login.lower(), made), name=name)

    def _team(self, team: dict[str, Any]) -> Person:
        slug = str(team["slug"])
        return Person(id=f"team {slug}", email=self.people.get(slug.lower()), name=team["name"])

    def _decider(self, users: Rows) -> Person | None:
        """Return who gave such a review, unless several did in this run."""
        return self._person(users[0]) if len({each["login"] for each in users}) == 1 else None

    # -- writing -----------------------------------------------------------------------------------

    def decide(
        self, ref: str, choice: str, *, actor: Actor, comment: str, expected: str, key: str
    ) -> Outcome:
        """Review it; the comment, which GitHub wants in any case, names the person."""
        option = option_of((APPROVE, DENY), choice)
        try:
            seen, item = self._look(ref, purpose="decide")
        except ConnectorError as error:
            return outcome_before_sending(error)
        refused = refusal(item, option, comment=comment, expected=expected)
        if refused:
            return refused
        if seen.waiting is None or not seen.may_review:
            return Outcome(result=Result.FORBIDDEN, detail=MAY_NOT)
        wanted = Wanted.read(ref)
        body = {
            "environment_ids": [seen.waiting["environment"]["id"]],
            "state": WORD_OF[choice],
            "comment": statement(option=option, actor=actor, comment=comment, key=key),
        }
        try:
            answer = self.api.review(wanted.repository, wanted.run, body)
        except ConnectorError as error:
            return outcome_of_error(error)
        return self._judged(ref, option, answer)

    def _judged(self, ref: str, option: Option, answer: Answer) -> Outcome:
        """Return what the answer means, by what is so: 422 can be any of three things."""
        outcome = outcome_of_answer(answer)
        is_done = outcome.result == Result.APPLIED
        if not is_done and answer.status != 422:
            return outcome
        try:
            seen, item = self._look(ref, purpose="decide")
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, detail=str(error))
        if item.state == State.PENDING and is_done:
            return replace(outcome, result=Result.UNKNOWN)
        if item.state == State.PENDING:
            result = Result.RETRY_LATER if seen.may_review else Result.FORBIDDEN
            return replace(outcome, result=result, retry_after=PAUSE if seen.may_review else None)
        if item.state != option.state:
            detail = f"It is {item.state} there. {outcome.detail}"
            return Outcome(result=Result.UNKNOWN if is_done else Result.CONFLICT, detail=detail)
        return outcome if is_done else replace(outcome, result=Result.ALREADY_SAME)

    def note(self, ref: str, text: str, marker: str) -> bool:
        """Write nothing: GitHub has no place for a text but the comment of a review."""
        return False
