"""The Engine: where it is, what it is asked, and what it says."""
