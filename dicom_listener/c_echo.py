"""C-ECHO: are you there? Answered at once, without the disk or the database."""

from pynetdicom.events import Event

from dicom_listener.statuses import SUCCESS


def on_c_echo(_event: Event) -> int:
    """Yes (DICOM PS3.4 annex A)."""
    return SUCCESS
