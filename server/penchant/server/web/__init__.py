"""What routes share: bodies, limits and who may ask; and the operator's page."""
