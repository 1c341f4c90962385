"""The run folder: call log, lock, pins, files."""
