"""Who may do what: roles are data, permissions are verbs."""

from enum import StrEnum

from vfx_finder.domain.errors import NotAllowed


class Role(StrEnum):
    """The people who sign in, and the two who never do: the system itself and the command line."""

    RADIOLOGIST = "radiologist"
    NURSE = "nurse"
    OPERATOR = "operator"
    SYSTEM = "system"


class Permission(StrEnum):
    """One thing a person may be allowed to do."""

    READ_WORKLIST = "read-worklist"
    SIGN_REVIEW = "sign-review"
    READ_QUEUE = "read-queue"
    MOVE_REFERRAL = "move-referral"
    READ_OPERATIONS = "read-operations"
    RETRY_STUDY = "retry-study"
    SEE_TO = "see-to"
    """Say what images mean that came after signing, or again with other content."""
    SET_UP_NETWORK = "set-up-network"
    """Senders, destinations, archives, routing rules."""
    RESEND = "resend"
    RECEIVE = "receive"
    RECORD_ANALYSIS = "record-analysis"
    DELIVER = "deliver"
    REMOVE_IMAGES = "remove-images"
    """Take images out of the spool that have been kept for long enough."""
    HEAR_HOSPITAL = "hear-hospital"
    """Take in what the hospital's other systems say of patients and reports."""


PERMISSIONS_OF: dict[Role, frozenset[Permission]] = {
    Role.RADIOLOGIST: frozenset({Permission.READ_WORKLIST, Permission.SIGN_REVIEW, Permission.SEE_TO}),
    Role.NURSE: frozenset({Permission.READ_QUEUE, Permission.MOVE_REFERRAL}),
    Role.OPERATOR: frozenset(
        {
            Permission.READ_OPERATIONS,
            Permission.RETRY_STUDY,
            Permission.SEE_TO,
            Permission.SET_UP_NETWORK,
            Permission.RESEND,
        }
    ),
    Role.SYSTEM: frozenset(
        {
            Permission.RECEIVE,
            Permission.RECORD_ANALYSIS,
            Permission.DELIVER,
            Permission.HEAR_HOSPITAL,
            Permission.REMOVE_IMAGES,
        }
    ),
}


def may(role: Role, permission: Permission) -> bool:
    """Whether this role holds this permission."""
    return permission in PERMISSIONS_OF[role]


def check(role: Role, permission: Permission) -> None:
    """Raise `NotAllowed` unless this role holds this permission."""
    if not may(role, permission):
        raise NotAllowed(f"A {role} may not {permission.replace('-', ' ')}.")
