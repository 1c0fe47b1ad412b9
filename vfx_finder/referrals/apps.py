"""Registers the pages of the fracture liaison nurses."""

from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    """Templates and styles; no tables."""

    name = "vfx_finder.referrals"
    label = "referrals"
