"""Whole populations of devices on one machine."""
