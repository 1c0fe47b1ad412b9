"""What is said of something that went wrong where nobody foresaw it: never the words of a library, which may quote a
header."""

from vfx_finder.domain.errors import VfxError


def words_of(error: Exception) -> str:
    """For the person who reads the list: an error of our own speaks for itself, of any other only its kind is told."""
    return str(error) if isinstance(error, VfxError) else f"A fault of this software ({type(error).__name__})."
