"""Who did it: a signed-in person or a named process of the system, never nobody."""

from dataclasses import dataclass

from vfx_finder.domain.roles import Permission, Role, check


@dataclass(frozen=True)
class Actor:
    """A person (`user_id` is set) or a process (role SYSTEM, no `user_id`). `name` is shown in the audit trail.

    Raises `ValueError` for an actor without a name, a person with the role of the system, or a process with another.
    """

    role: Role
    name: str
    user_id: int | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("An actor has a name.")
        if (self.role is Role.SYSTEM) != (self.user_id is None):
            raise ValueError("A process has the role of the system and no user; a person has a user and another role.")

    @classmethod
    def process(cls, name: str) -> "Actor":
        """A process of this system, such as "listener" or "worker"."""
        return cls(Role.SYSTEM, name)

    def must(self, permission: Permission) -> None:
        """Raise `NotAllowed` unless this actor's role holds the permission."""
        check(self.role, permission)
