"""Processes that watch those that serve: they notice that one ends or hangs, and start another."""
