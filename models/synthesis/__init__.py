"""Synthetic spines with exact truth: anatomy, fractures and CT rendering. Everything made here is called synthetic."""
