"""What the pages of several roles share: the sagittal figure, the spine strip, the 90-day clock, how people are written.

Pure view-models and their templates; no rows.
"""
