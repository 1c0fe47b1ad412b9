"""`vfx-finder hear-hospital`: the listener for HL7 v2 messages alone."""

import typer


def register(app: typer.Typer) -> None:
    """Add `hear-hospital` to the command line."""
    app.command()(hear_hospital)


def hear_hospital() -> None:
    """Hear HL7 v2 messages of the hospital's systems (ADT, ORU) by MLLP until stopped. Settings: VFX_HL7_PORT,
    VFX_HL7_HOST, VFX_ACCEPTED_HL7_HOSTS, VFX_HL7_TLS; the database must be running."""
    from vfx_finder import bootstrap

    settings = bootstrap.begin()
    bootstrap.require_database(settings)
    # Tables can be imported only after Django is set up.
    from pipelines.hospital_listener import hear

    hear(settings)
