"""Which permission opens which page: one table, deny by default. An address not listed here opens for nobody."""

from typing import Final

from vfx_finder.domain.roles import Permission, Role

OPEN_TO_ALL: Final = frozenset({"sign-in", "health", "intended-use"})
"""Answered without signing in."""

OPEN_TO_EVERY_ROLE: Final = frozenset({"home", "sign-out"})
"""Answered for anybody who is signed in."""

DOORS: Final[dict[str, Permission]] = {
    "worklist": Permission.READ_WORKLIST,
    "study": Permission.READ_WORKLIST,
    "study-picture": Permission.READ_WORKLIST,
    "study-draft": Permission.SIGN_REVIEW,
    "study-sign": Permission.SIGN_REVIEW,
    "signed": Permission.READ_WORKLIST,
    "queue": Permission.READ_QUEUE,
    "patient": Permission.READ_QUEUE,
    "patient-picture": Permission.READ_QUEUE,
    "patient-move": Permission.MOVE_REFERRAL,
    "patient-note": Permission.MOVE_REFERRAL,
    "patient-age": Permission.MOVE_REFERRAL,
    "operations": Permission.READ_OPERATIONS,
    "not-analysed": Permission.READ_OPERATIONS,
    "operations-study": Permission.READ_OPERATIONS,
    "operations-retry": Permission.RETRY_STUDY,
    "system-health": Permission.READ_OPERATIONS,
}

HOME_OF: Final[dict[Role, str]] = {
    Role.RADIOLOGIST: "worklist",
    Role.NURSE: "queue",
    Role.OPERATOR: "operations",
}
"""The page each person starts their day on."""

PAGES_OF: Final[dict[Role, tuple[tuple[str, str], ...]]] = {
    Role.RADIOLOGIST: (("worklist", "Worklist"), ("signed", "Signed")),
    Role.NURSE: (("queue", "Queue"),),
    Role.OPERATOR: (("operations", "Studies"), ("not-analysed", "Not analysed"), ("system-health", "System health")),
}
"""What stands in the top bar for each role: address name and label."""
