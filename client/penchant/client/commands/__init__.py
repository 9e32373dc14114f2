"""Commands for a person at a terminal."""
