"""The hands: the worker loop and study.analyse()."""
