"""The state managers that come with the core."""
