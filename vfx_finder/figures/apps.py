"""Registers the drawings' templates and style sheet."""

from django.apps import AppConfig


class FiguresConfig(AppConfig):
    """Templates and styles of the shared drawings; no tables."""

    name = "vfx_finder.figures"
    label = "figures"
