"""Every error this system raises on purpose; the type says what the caller must do.

    VfxError
    |- NotAllowed   this actor may not do this          -> HTTP 403
    |- WrongState   not from this state                 -> HTTP 409, or the job is dropped
    |- Unreadable   bytes that are not DICOM we accept  -> a C-STORE failure status, never a crash
    |- Retry        try again later (PACS, disk, GPU)   -> the job is rescheduled with back-off
    `- Broken       a bug or a broken installation      -> the job fails, the operator is told, the study is listed

Messages never carry patient identifiers. A study that cannot be analysed is no error: it is an
`Unsuitable` result that a person sees (see `study.py`).
"""


class VfxError(Exception):
    """Something this system knows how to name went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class NotAllowed(VfxError):
    """This person may not do this."""


class WrongState(VfxError):
    """This cannot be done from the present state."""


class Unreadable(VfxError):
    """These bytes are not DICOM that this system accepts."""


class Retry(VfxError):
    """Something outside did not answer; try again later."""


class Broken(VfxError):
    """A defect or a broken installation; an operator must look."""
