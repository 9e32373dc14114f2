"""Enrolment of devices: one-time codes, and the route that takes them."""
