"""Processes that watch serving ones: they notice when one ends or hangs, and start another."""
