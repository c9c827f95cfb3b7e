"""Reading approvals one by one: what is wrong with one of them alone stops no other."""

from mirroring.claimed import Claimed, Count
from mirroring.connectors.base import ConnectorError, Kind

OF_ONE_ALONE = (Kind.BAD_ANSWER, Kind.BAD_REQUEST, Kind.FORBIDDEN)


class Singly:
    """Leaves out what cannot be read by itself, and counts it."""

    def __init__(self, held: Claimed, count: Count) -> None:
        self._held, self._count = held, count
        self._is_proven = False

    def leave_out(self, ref: str, error: ConnectorError) -> None:
        """Leave one approval out, or raise the error again that is no fault of that one alone.

        What is refused may be one approval or the account: check() tells, once for all of them.
        """
        if error.kind not in OF_ONE_ALONE:
            raise error
        if error.kind == Kind.FORBIDDEN and not self._is_proven:
            self._held.check()
            self._is_proven = True
        self._count.skip(ref, str(error))
