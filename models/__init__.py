"""The shelf: MONAI bundles, a thin runner, and the workshop that makes them.

This file must stay: without it the bundle runner's `sys.path` makes Python merge a bundle's own `models/` folder
into this package.
"""
