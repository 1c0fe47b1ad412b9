"""Registers the pages of the radiologists."""

from django.apps import AppConfig


class ReadingConfig(AppConfig):
    """Templates and styles; no tables."""

    name = "vfx_finder.reading"
    label = "reading"
