from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0005_queue'),
    ]

    operations = [
        migrations.AddField(
            model_name='notification',
            name='subject',
            field=models.CharField(blank=True, help_text='Kept by what follows, so that mails make one thread.', max_length=120),
        ),
        migrations.AlterField(
            model_name='slackcard',
            name='message_id',
            field=models.CharField(blank=True, help_text="Slack's channel and `ts` of the card.", max_length=64),
        ),
    ]
