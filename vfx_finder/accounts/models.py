"""A person who signs in."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from vfx_finder.domain.actor import Actor
from vfx_finder.domain.roles import Permission, Role, may

SIGN_IN_ROLES = (Role.RADIOLOGIST, Role.NURSE, Role.OPERATOR)


class User(AbstractUser):
    """A person with exactly one role. There are no default accounts and no account without a role."""

    role = models.CharField(max_length=32, choices=[(role.value, role.value) for role in SIGN_IN_ROLES])

    REQUIRED_FIELDS = ["role"]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=[role.value for role in SIGN_IN_ROLES]), name="user_has_a_role")
        ]

    @property
    def shown_name(self) -> str:
        """Full name, or the sign-in name where none was given."""
        return self.get_full_name() or self.username

    @property
    def actor(self) -> Actor:
        """This person as the actor that every action asks for."""
        return Actor(Role(self.role), self.shown_name, self.pk)

    def may(self, permission: Permission) -> bool:
        """Whether this person's role holds this permission."""
        return may(Role(self.role), permission)
