"""When a destination last took a result, whatever it answers a try; and to whom its HL7 messages are addressed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_refusals_by_cause")]

    operations = [
        migrations.AddField(
            model_name="destination",
            name="last_took_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="destination",
            name="receiving_application",
            field=models.CharField(blank=True, max_length=227),
        ),
        migrations.AddField(
            model_name="destination",
            name="receiving_facility",
            field=models.CharField(blank=True, max_length=227),
        ),
    ]
