"""Constraints compiled and checked; rewards."""
