"""Who may sign in: accounts are made and changed on the command line, by somebody who holds the machine."""

from datetime import datetime

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
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
    first, last = _names(full_name)
    user = User(username=username, role=role, first_name=first, last_name=last)
    with transaction.atomic():
        if User.objects.filter(username__iexact=username).exists():
            raise WrongState("There is an account of this name already.")
        _give_password(user, password)
        note(Act(COMMAND_LINE, now), "account-added", {"account": user.pk, "role": role})
    return user


def rename(username: str, full_name: str, now: datetime) -> None:
    """Give an account the full name that stands under what it signs from now on. Raises `WrongState` for no such
    account, or no name; what was signed before keeps the name it was signed with."""
    first, last = _names(full_name)
    with transaction.atomic():
        user = User.objects.select_for_update().filter(username=username).first()
        if user is None:
            raise WrongState("There is no account of this name.")
        if not first:
            raise WrongState("A full name has at least one word.")
        user.first_name, user.last_name = first, last
        _check(user)
        user.save(update_fields=["first_name", "last_name"])
        note(Act(COMMAND_LINE, now), "account-renamed", {"account": user.pk})


def _names(full_name: str) -> tuple[str, str]:
    """The first word, and all others."""
    first, _, last = full_name.strip().partition(" ")
    return first, last.strip()


def set_password(username: str, password: str, now: datetime) -> None:
    """Change a password; every session of the account ends. Raises `WrongState` for no such account, or a weak one."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(username=username).first()
        if user is None:
            raise WrongState("There is no account of this name.")
        _give_password(user, password)
        note(Act(COMMAND_LINE, now), "password-set", {"account": user.pk})


def disable(username: str, now: datetime) -> None:
    """Let somebody sign in no more, until `enable`; every session of the account ends at once.

    What was done under the name keeps it. Raises `WrongState` for no such account, or one that is disabled already.
    """
    _set_active(username, False, now)


def enable(username: str, now: datetime) -> None:
    """Let somebody sign in again, with the old password. Raises `WrongState` for no such account, or one that may."""
    _set_active(username, True, now)


def _set_active(username: str, active: bool, now: datetime) -> None:
    with transaction.atomic():
        user = User.objects.select_for_update().filter(username=username).first()
        if user is None:
            raise WrongState("There is no account of this name.")
        if user.is_active == active:
            raise WrongState(f"This account is {'in use' if active else 'disabled'} already.")
        user.is_active = active
        user.save(update_fields=["is_active"])
        _end_sessions(user)
        note(Act(COMMAND_LINE, now), "account-enabled" if active else "account-disabled", {"account": user.pk})


def _end_sessions(user: User) -> None:
    """A session that only slept while its account was disabled would be good again afterwards."""
    open_now = Session.objects.all()
    mine = [one.pk for one in open_now if one.get_decoded().get(SESSION_KEY) == str(user.pk)]
    Session.objects.filter(pk__in=mine).delete()


def _give_password(user: User, password: str) -> None:
    _check(user)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WrongState(" ".join(error.messages)) from None
    user.set_password(password)
    user.save()


def _check(user: User) -> None:
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise WrongState(" ".join(error.messages)) from None
