"""Who is asked, and who may act for them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import F, Q

from tracks.ids import new_id
from tracks.models import Workspace
from tracks.work import Work

if TYPE_CHECKING:
    from approvals.models.ask import Decision


class Approver(models.Model):
    """Who answers: an address within a workspace, never an account."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    canonical = models.CharField(max_length=254)
    address = models.CharField(max_length=254, help_text="As it was first written.")
    digests_stopped_at = models.DateTimeField(
        null=True, help_text="Since when they want no mails that sum up what waits for them."
    )

    class Meta:
        constraints: ClassVar = [
            # one approver for all spellings of an address
            models.UniqueConstraint("workspace", "canonical", name="approver_address_unique"),
        ]
        indexes: ClassVar = [
            # the queue of an address, in every workspace
            models.Index("canonical", name="approver_canonical"),
        ]

    def __str__(self) -> str:
        return self.address


class Seat(models.Model):
    """A place among an ask's approvers."""

    ask = models.ForeignKey("Ask", on_delete=models.CASCADE, related_name="seats")
    position = models.PositiveSmallIntegerField()
    approver = models.ForeignKey(
        Approver, on_delete=models.PROTECT, help_text="Who was asked; others may act for them."
    )

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            # the places at a table, in order
            models.UniqueConstraint("ask", "position", name="seat_position_unique"),
            # nobody sits at one table twice
            models.UniqueConstraint("ask", "approver", name="seat_approver_unique"),
        ]


class HolderQuerySet(models.QuerySet["Holder"]):
    def at_the_table(self) -> Self:
        """Fetch what the places of an ask show, in one query and no order: see seated()."""
        return self.select_related("approver", "seat__decision").order_by()

    def acting(self) -> Self:
        """Keep those whose place nobody has taken."""
        return self.filter(relieved_at=None)


class Holder(models.Model):
    """Somebody who may decide at a seat. Who passes an ask on keeps the right to decide.

    Whom staff has relieved stays on record: they were asked, and are asked no longer.
    """

    class Kind(models.TextChoices):
        ASKED = "asked"
        HANDED_OVER = "handed_over"
        STAND_IN = "stand_in"
        REASSIGNED = "reassigned"  # by staff, in place of whoever could decide there before

    ask = models.ForeignKey("Ask", on_delete=models.CASCADE, related_name="holders")
    seat = models.ForeignKey(Seat, on_delete=models.CASCADE, related_name="holders")
    approver = models.ForeignKey(Approver, on_delete=models.PROTECT, related_name="held")
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.ASKED)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, help_text="When a digest told of a quiet ask.")
    relieved_at = models.DateTimeField(
        null=True, help_text="Since when somebody else is asked in their place."
    )
    reminders_stopped_at = models.DateTimeField(
        null=True, help_text="Since when they want no reminders of this ask."
    )

    # Only who was asked in person has a stand-in: whoever came by somebody else brings nobody.
    IN_PERSON = (Kind.ASKED, Kind.REASSIGNED)

    objects = HolderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # nobody comes to one table by two ways
            models.UniqueConstraint("ask", "approver", name="holder_approver_unique"),
            # an ask is passed on once from each seat
            models.UniqueConstraint(
                "seat", condition=Q(kind="handed_over"), name="holder_handed_over_once"
            ),
        ]

    @property
    def decision(self) -> "Decision | None":
        """Return what was decided at this seat, by whomever."""
        try:
            return self.seat.decision
        except ObjectDoesNotExist:
            return None


def seated(holders: Iterable[Holder]) -> list[Holder]:
    """Return the holders of an ask in the order of its seats, who was asked there first.

    Who shares a seat shares one Seat object, so that all see its decision. Everybody in it is one
    of the holders, and is not fetched again.
    """
    found = sorted(holders, key=lambda each: (each.seat.position, each.pk))
    people = {each.approver_id: each.approver for each in found}
    seats: dict[int, Seat] = {}
    for each in found:
        each.seat = seats.setdefault(each.seat_id, each.seat)
        each.seat.approver = people[each.seat.approver_id]
        if each.decision is not None:
            each.decision.approver = people[each.decision.approver_id]
    return found


class Decline(models.Model):
    """Somebody has said that an ask is not for them. The ask stays as it is."""

    ask = models.ForeignKey("Ask", on_delete=models.CASCADE, related_name="declines")
    approver = models.ForeignKey(Approver, on_delete=models.PROTECT)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            # saying it twice is saying it once
            models.UniqueConstraint("ask", "approver", name="decline_once"),
        ]


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def at(self, now: datetime) -> Self:
        """Keep those that have begun and are not over, nor ended early."""
        return self.filter(starts_at__lte=now, ends_at__gt=now, ended_at=None)


class Absence(Work):
    """A time in which a stand-in is asked, too. Due when it begins; ended early by its owner."""

    LEASE = timedelta(seconds=60)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    approver = models.ForeignKey(Approver, on_delete=models.CASCADE, related_name="absences")
    stand_in = models.ForeignKey(Approver, on_delete=models.PROTECT, related_name="stands_in")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["starts_at"]
        constraints: ClassVar = [
            # a time has a length
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="absence_ends_after_it_starts"
            ),
        ]
        indexes: ClassVar = [
            # who stands in for somebody now
            models.Index("approver", "ends_at", name="absence_of_approver"),
            # the sweep looks for those that begin
            models.Index(
                "next_attempt_at", name="absence_due", condition=Q(next_attempt_at__isnull=False)
            ),
        ]
