"""From what HTTP says to what a poller must know."""

from collections.abc import Callable

from mirroring.connectors.base import (
    ConnectorError,
    Health,
    Item,
    Kind,
    Option,
    Outcome,
    Result,
    State,
)
from mirroring.connectors.http import PAUSE, Answer, Session

_NOT_SENT = (Kind.UNREACHABLE, Kind.RATE_LIMITED)
HOW_TO_FIX = {
    Kind.AUTH: "Enter new credentials, and see that the account is not locked.",
    Kind.FORBIDDEN: "Grant the account the right to see approvals and to decide them.",
    Kind.RATE_LIMITED: "Poll less often, or ask for a higher limit.",
    Kind.UNREACHABLE: "See that the URL is right, that the system runs, and that Sayso may call it "
    "(SAYSO_EGRESS_ALLOW for private networks).",
    Kind.TIMEOUT: "See whether the system is slow, and try again.",
    Kind.SERVER: "Look at the system's own log.",
    Kind.BAD_REQUEST: "See that the URL and the version of the system are right.",
    Kind.BAD_ANSWER: "See that the URL is that of the API, not of its web pages.",
    Kind.GONE: "See that the URL is that of the API.",
}


def unhealthy(error: ConnectorError, session: Session) -> Health:
    """Return what check() says when its read failed."""
    return Health(
        ok=False,
        detail=str(error),
        clock_skew=session.skew,
        error=error.kind,
        how_to_fix=HOW_TO_FIX[error.kind],
    )


def refusal(item: Item, option: Option, *, comment: str, expected: str) -> Outcome | None:
    """Return why nothing is written, or None if the approval is as it was judged."""
    if item.state == option.state:
        return Outcome(result=Result.ALREADY_SAME, detail="It was decided so before.")
    if item.state != State.PENDING:
        return Outcome(result=Result.CONFLICT, detail=f"It is {item.state} there.")
    if item.revision != expected:
        return Outcome(result=Result.CONFLICT, detail="It changed since it was judged.")
    if option.comment_required and not comment.strip():
        return Outcome(result=Result.NEEDS_INPUT, detail="The system wants a comment.")
    return None


def outcome_before_sending(error: ConnectorError) -> Outcome:
    """Return how a decision ended before it was sent; raise again for wrong credentials."""
    if error.kind == Kind.AUTH:
        raise error
    result = Result.GONE if error.kind == Kind.GONE else Result.RETRY_LATER
    if result != Result.GONE and error.permanent:
        result = Result.FORBIDDEN
    return Outcome(result=result, detail=str(error), retry_after=error.retry_after)


def outcome_of_error(error: ConnectorError) -> Outcome:
    """Return how a decision ended that got no answer; raise again if it cannot have been sent."""
    if error.kind == Kind.AUTH:
        raise error
    result = Result.RETRY_LATER if error.kind in _NOT_SENT else Result.UNKNOWN
    return Outcome(result=result, detail=str(error), retry_after=error.retry_after)


def outcome_of_answer(answer: Answer) -> Outcome:
    """Return what an HTTP status says of a decision, as far as statuses go."""
    if answer.status == 401:
        raise answer.failure() or AssertionError
    words = {
        202: Result.ACCEPTED,
        403: Result.FORBIDDEN,
        404: Result.GONE,
        409: Result.CONFLICT,
        410: Result.GONE,
        412: Result.CONFLICT,
        422: Result.NEEDS_INPUT,
        428: Result.CONFLICT,
        429: Result.RETRY_LATER,
        503: Result.RETRY_LATER,
    }
    fallback = Result.APPLIED if 200 <= answer.status < 300 else Result.UNKNOWN
    pause = answer.retry_after
    if answer.status == 429 and pause is None:
        pause = PAUSE
    return Outcome(
        result=words.get(answer.status, fallback),
        detail=f"{answer.request} was answered with {answer.status}: {answer.excerpt}",
        retry_after=pause,
    )


def outcome_of_look(look: Callable[[], Item], option: Option, answered: Outcome) -> Outcome:
    """Return how a decision ended that was answered, by what is there now.

    A success proves nothing: a rule may have kept the write from changing anything, or somebody may
    have overwritten it. Only what was refused is known to have written nothing.
    """
    try:
        after = look()
    except ConnectorError as error:
        return Outcome(result=Result.UNKNOWN, detail=str(error))
    if after.state == option.state:
        return answered
    detail = f"It is {after.state} there, though the system said: {answered.detail}"
    if after.state == State.PENDING:
        return Outcome(result=Result.FORBIDDEN, detail=detail)
    is_done = answered.result == Result.APPLIED
    return Outcome(result=Result.UNKNOWN if is_done else Result.CONFLICT, detail=detail)
