"""`vfx-finder listen`: the DICOM listener alone."""

import typer


def register(app: typer.Typer) -> None:
    """Add `listen` to the command line."""
    app.command()(listen)


def listen() -> None:
    """Receive studies by DICOM (C-STORE, C-ECHO) until stopped. Settings: VFX_DICOM_HOST, VFX_DICOM_PORT, VFX_AE_TITLE,
    VFX_ACCEPTED_CALLING_AE_TITLES; the database must be running."""
    from dicom_listener.__main__ import main

    main()
