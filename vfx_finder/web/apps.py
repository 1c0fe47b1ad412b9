"""Registers the base templates, the common styles and the operator's pages."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Templates, styles and template tags of every page; no tables."""

    name = "vfx_finder.web"
    label = "web"
