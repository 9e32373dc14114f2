"""``penchant serve``: one process of routes, rounds and releases."""
