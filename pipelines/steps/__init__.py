"""One verb a file: choose, volume, locate, label, measure, judge."""
