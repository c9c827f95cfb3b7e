from django.db import migrations

COLUMNS = 'id, workspace_id, type, subject, actor_type, actor_name, at, data'


class Migration(migrations.Migration):
    """The log of what belongs to no track is kept by the lowest layer, for all of them."""

    dependencies = [
        ('tracks', '0005_staff'),
        ('webhooks', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL(
            f'INSERT INTO tracks_entry ({COLUMNS}) SELECT {COLUMNS} FROM webhooks_entry',
            f'INSERT INTO webhooks_entry ({COLUMNS}) SELECT {COLUMNS} FROM tracks_entry '
            'WHERE workspace_id IS NOT NULL',
        ),
        migrations.DeleteModel(
            name='Entry',
        ),
    ]
