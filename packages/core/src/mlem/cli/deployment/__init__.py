"""``mlem deployment``: one module for each group of its commands."""
