"""What the pages of several roles share: sagittal figure, spine strip, 90-day clock, and how people are written.

Pure view-models and their templates; no rows.
"""
