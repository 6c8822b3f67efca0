"""The log of an app, and the sessions that stream it."""
