"""Runs side by side: what was set differently, and what each achieved."""
