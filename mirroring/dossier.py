"""What the dossier of a track or an ask shows of mirroring: the record, and each write-back."""

from approvals.staff.sections import Section, Subject
from mirroring.models import Record


def section(subject: Subject) -> Section | None:
    """Return the record that a subject mirrors, for whoever may look at records."""
    if not subject.user.has_perm("mirroring.view_record"):
        return None
    records = Record.objects.select_related("connection").prefetch_related("pushes")
    record = records.filter(track=subject.track).first()
    if record is None:
        return None
    return Section(
        title="System of record",
        template="admin/dossier/record.html",
        context={"record": record, "pushes": list(record.pushes.all()), "clock": subject.clock},
    )
