"""Who may sign in: accounts are made and changed on the command line, by somebody who holds the machine."""

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from vfx_finder.accounts.models import SIGN_IN_ROLES, User
from vfx_finder.actions._trail import Act, note
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.roles import Role

COMMAND_LINE = Actor.process("command-line")


def add(username: str, role: Role, password: str, now: datetime, *, full_name: str = "") -> User:
    """Make an account with one role. Raises `WrongState` for a taken name or a weak password."""
    if role not in SIGN_IN_ROLES:
        raise NotAllowed(f"Nobody signs in as {role}.")
    first, _, last = full_name.partition(" ")
    user = User(username=username, role=role, first_name=first, last_name=last)
    with transaction.atomic():
        if User.objects.filter(username__iexact=username).exists():
            raise WrongState("There is an account of this name already.")
        _give_password(user, password)
        note(Act(COMMAND_LINE, now), "account-added", {"account": user.pk, "role": role})
    return user


def set_password(username: str, password: str, now: datetime) -> None:
    """Change a password; every session of the account ends. Raises `WrongState` for no such account, or a weak one."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(username=username).first()
        if user is None:
            raise WrongState("There is no account of this name.")
        _give_password(user, password)
        note(Act(COMMAND_LINE, now), "password-set", {"account": user.pk})


def _give_password(user: User, password: str) -> None:
    try:
        user.full_clean(exclude=["password"])
        validate_password(password, user)
    except ValidationError as error:
        raise WrongState(" ".join(error.messages)) from None
    user.set_password(password)
    user.save()
