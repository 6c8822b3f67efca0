"""What Python shows of plans, releases and handles: one line, and a table in a notebook."""
