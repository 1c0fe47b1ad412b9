"""A refusal is counted by its cause: an expired certificate is not the one that a stranger signed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_kept_images")]

    operations = [
        migrations.RemoveConstraint(model_name="refusal", name="one_row_per_refusal"),
        migrations.AddConstraint(
            model_name="refusal",
            constraint=models.UniqueConstraint(
                fields=("calling", "host", "reason", "detail"), name="one_row_per_cause"
            ),
        ),
    ]
