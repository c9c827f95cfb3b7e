"""An index leads to what an actor did. It is small, and built in seconds among millions of events."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tracks", "0011_event_workspace")]

    operations = [
        migrations.AddIndex(
            "event",
            models.Index("actor_type", "actor_name", "workspace", name="event_of_actor"),
        ),
    ]
