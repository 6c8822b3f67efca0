"""The models of a server: each in a place of its own, which another one may take."""
