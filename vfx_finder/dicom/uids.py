"""Unique identifiers of what we make: the same result always gets the same ones, so that a retry is no second object.

Under a root of the hospital's own, or under 2.25 as the standard allows for UUIDs (PS3.5 section B.2).
"""

import hashlib
from typing import Final
from uuid import UUID

UUID_ROOT: Final = "2.25"
IMPLEMENTATION_CLASS_UID: Final = "2.25.111935806216354770565819474145048829698"
"""Names this software in file meta information (PS3.7 section D.3.3.2): the UUID of "vfx_finder", never changed."""

_LONGEST = 64


def uid_for(root: str, *words: object) -> str:
    """The UID of these words under this root: at most 64 characters, no leading zero, the same for the same words.

    Raises `ValueError` for a root too long to leave room for 96 bits.
    """
    digest = hashlib.sha256("\x1f".join(str(word) for word in words).encode()).digest()
    if root == UUID_ROOT:
        return f"{UUID_ROOT}.{UUID(bytes=digest[:16], version=5).int}"
    room = _LONGEST - len(root) - 1
    if room < 29:  # 2**96 has 29 digits
        raise ValueError("This UID root is too long: at most 34 characters.")
    return f"{root}.{int.from_bytes(digest[:12], 'big') + 1}"
