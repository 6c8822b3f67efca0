"""Sockets: listening, accepting, and the connections that are open."""
