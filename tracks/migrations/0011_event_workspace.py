"""An event knows its workspace. What is stored already learns it from its track."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

FILL = """
    UPDATE tracks_event SET workspace_id = (
        SELECT workspace_id FROM tracks_track WHERE tracks_track.id = tracks_event.track_id
    )
"""


def let_events_change(apps: Any, schema_editor: Any) -> None:
    """Take away the trigger that keeps events as they are; every `migrate` ends by installing it."""
    table = "ON tracks_event" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP TRIGGER IF EXISTS event_is_final {table}")


def workspace(**options: Any) -> models.ForeignKey:
    """Return the column, which may be empty at first."""
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        editable=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="tracks.workspace",
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("tracks", "0010_finding")]

    operations = [
        migrations.AddField("event", "workspace", workspace(null=True)),
        migrations.RunPython(let_events_change, migrations.RunPython.noop),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField("event", "workspace", workspace()),
        migrations.AddIndex("event", models.Index("workspace", "id", name="event_newest")),
        migrations.AddIndex(
            "event", models.Index("workspace", "type", "id", name="event_newest_of_type")
        ),
        migrations.AddIndex("event", models.Index("type", "id", name="event_of_type")),
    ]
