"""The Django application of the accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users and their roles."""

    name = "vfx_finder.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
