"""What people signed and what the audit trail says is never changed: the database refuses."""

from django.db import migrations

IMMUTABLE = ("ledger_auditevent", "ledger_signedreview", "ledger_referralnote", "ledger_analysisrecord")

REFUSE = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION ledger_refuse_change();"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();",
                f"DROP TRIGGER immutable ON {table};",
            )
            for table in IMMUTABLE
        ),
    ]
