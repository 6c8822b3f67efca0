"""The Platform API over HTTP."""
