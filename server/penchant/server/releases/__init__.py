"""Releases: rankers and catalogues as devices install them."""
