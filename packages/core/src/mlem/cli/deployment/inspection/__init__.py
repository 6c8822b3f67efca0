"""``mlem deployment list``, ``status``, ``logs``, ``releases``: what is there, and what it does."""
