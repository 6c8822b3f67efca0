"""Many deployments at once: found by their declarations and in stores, and asked side by side."""
