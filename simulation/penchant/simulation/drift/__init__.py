"""How soon an interest profile follows a person whose interests change: predict, then learn."""
