from django.db import migrations
from django.db.models import F

DAY = 86_400


def carry_over(apps, schema_editor):
    """Keep how long connections wait, in days, and what records were asked about."""
    connections = apps.get_model("mirroring", "Connection").objects.all()
    for connection in connections.only("timeout_seconds"):
        days = min(max(-(-connection.timeout_seconds // DAY), 1), 30)
        connections.filter(pk=connection.pk).update(expiry_days=days)
    records = apps.get_model("mirroring", "Record").objects.all()
    records.update(material_digest=F("revision"), asked_digest=F("revision"))


class Migration(migrations.Migration):

    dependencies = [("mirroring", "0002_polling")]

    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
