from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_fill_people")]

    operations = [
        migrations.AlterField(
            model_name="ask",
            name="ends_at",
            field=models.DateTimeField(
                help_text="When it is over unless it is answered: it expires, or another is asked."
            ),
        ),
    ]
