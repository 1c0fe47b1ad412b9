"""Training and evaluation of the bundles: the same code on CPU and GPU, resumable, from a fixed seed."""
