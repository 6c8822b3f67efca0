"""Calls that are kept for later: which, in what form, and where."""
