"""vfx_finder: finds vertebral fragility fractures and follows each patient to treatment. Research software."""

__version__ = "0.1.0"
