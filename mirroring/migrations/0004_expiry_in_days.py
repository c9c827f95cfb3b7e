from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("mirroring", "0003_carry_over")]

    operations = [migrations.RemoveField(model_name="connection", name="timeout_seconds")]
