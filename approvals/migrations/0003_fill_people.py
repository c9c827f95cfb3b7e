"""What is stored already: every ask ends when it expires, every seat is held by who was asked."""

from django.db import migrations

FILL = """
INSERT INTO approvals_holder (ask_id, seat_id, approver_id, kind, reason, at)
SELECT seat.ask_id, seat.id, seat.approver_id, 'asked', '', ask.created_at
FROM approvals_seat seat JOIN approvals_ask ask ON ask.id = seat.ask_id
ORDER BY seat.id
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_people")]

    operations = [
        migrations.RunSQL(
            "UPDATE approvals_ask SET ends_at = expires_at", migrations.RunSQL.noop
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
