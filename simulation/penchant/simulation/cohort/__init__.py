"""Whole rounds as tensor work: all devices of a cohort trained together."""
