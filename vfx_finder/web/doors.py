"""Which permission opens which page: one table, deny by default. An address not listed here opens for nobody."""

from typing import Final

from vfx_finder.domain.roles import Permission, Role

OPEN_TO_ALL: Final = frozenset({"sign-in", "health", "intended-use", "metrics"})
"""Answered without signing in; `metrics` looks for itself who asks."""

OPEN_TO_SENDERS: Final = frozenset({"stow", "stow-study"})
"""Answered without signing in, to whoever shows the token of a sender: machines, not people."""

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
    "patient-first-contact": Permission.MOVE_REFERRAL,
    "operations": Permission.READ_OPERATIONS,
    "operations-search": Permission.READ_OPERATIONS,
    "operations-found": Permission.READ_OPERATIONS,
    "not-analysed": Permission.READ_OPERATIONS,
    "operations-study": Permission.READ_OPERATIONS,
    "operations-retry": Permission.RETRY_STUDY,
    "operations-retry-all": Permission.RETRY_STUDY,
    "system-health": Permission.READ_OPERATIONS,
    "operations-settle": Permission.RETRY_STUDY,
    "operations-now": Permission.RETRY_STUDY,
    "operations-all-the-same": Permission.RETRY_STUDY,
    "operations-send": Permission.RESEND,
    "late-images-seen": Permission.SEE_TO,
    "other-content-seen": Permission.SEE_TO,
    "sources": Permission.READ_OPERATIONS,
    "source-add": Permission.SET_UP_NETWORK,
    "source": Permission.SET_UP_NETWORK,
    "source-off": Permission.SET_UP_NETWORK,
    "source-remove": Permission.SET_UP_NETWORK,
    "source-token": Permission.SET_UP_NETWORK,
    "source-token-shown": Permission.SET_UP_NETWORK,
    "source-forget": Permission.SET_UP_NETWORK,
    "destinations": Permission.READ_OPERATIONS,
    "destination-add": Permission.SET_UP_NETWORK,
    "destination": Permission.SET_UP_NETWORK,
    "destination-try": Permission.SET_UP_NETWORK,
    "destination-switch": Permission.SET_UP_NETWORK,
    "destination-remove": Permission.SET_UP_NETWORK,
    "dead-letters": Permission.READ_OPERATIONS,
    "messages": Permission.READ_OPERATIONS,
    "message-again": Permission.RESEND,
    "messages-again": Permission.RESEND,
    "message-aside": Permission.RESEND,
    "not-analysed-seen": Permission.SEE_TO,
    "not-analysed-all-seen": Permission.SEE_TO,
    "archives": Permission.READ_OPERATIONS,
    "archive-add": Permission.SET_UP_NETWORK,
    "archive": Permission.SET_UP_NETWORK,
    "archive-try": Permission.SET_UP_NETWORK,
    "archive-switch": Permission.SET_UP_NETWORK,
    "archive-sweep": Permission.SET_UP_NETWORK,
    "sweep": Permission.READ_OPERATIONS,
    "sweep-change": Permission.SET_UP_NETWORK,
    "delivery-resend": Permission.RESEND,
    "deliveries-resend": Permission.RESEND,
    "rules": Permission.READ_OPERATIONS,
    "rules-trial": Permission.READ_OPERATIONS,
    "rules-find": Permission.READ_OPERATIONS,
    "rule-add": Permission.SET_UP_NETWORK,
    "rule": Permission.SET_UP_NETWORK,
    "rule-move": Permission.SET_UP_NETWORK,
    "rule-switch": Permission.SET_UP_NETWORK,
    "rule-remove": Permission.SET_UP_NETWORK,
}

HOME_OF: Final[dict[Role, str]] = {
    Role.RADIOLOGIST: "worklist",
    Role.NURSE: "queue",
    Role.OPERATOR: "system-health",
}
"""The page each person starts their day on."""

PAGES_OF: Final[dict[Role, tuple[tuple[str, str], ...]]] = {
    Role.RADIOLOGIST: (("worklist", "Worklist"), ("signed", "Signed")),
    Role.NURSE: (("queue", "Queue"),),
    Role.OPERATOR: (
        ("system-health", "Overview"),
        ("operations", "Studies"),
        ("not-analysed", "To do"),
        ("sources", "Network"),
    ),
}
"""What stands in the top bar for each role: address name and label."""

TABS_OF: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "not-analysed": (
        ("not-analysed", "Studies"),
        ("dead-letters", "Dead letters"),
        ("messages", "Hospital messages"),
    ),
    "sources": (
        ("sources", "Sources"),
        ("destinations", "Destinations"),
        ("rules", "Routing rules"),
        ("archives", "Archives and sweeps"),
    ),
}
"""The pages below one entry of the top bar, by the name of its first page."""

WITHIN: Final[dict[str, str]] = {
    "operations-found": "operations",
    "operations-study": "operations",
    "source-add": "sources",
    "source": "sources",
    "source-token": "sources",
    "source-token-shown": "sources",
    "destination-add": "destinations",
    "destination": "destinations",
    "archive-add": "archives",
    "archive": "archives",
    "archive-sweep": "archives",
    "sweep": "archives",
    "rule-add": "rules",
    "rule": "rules",
    "rules-trial": "rules",
}
"""Pages that belong to a page of the bar or the tabs without being named there."""
