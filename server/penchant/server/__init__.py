"""The aggregation server: rounds, privacy accounting and ranker releases."""
