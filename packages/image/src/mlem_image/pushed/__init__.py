"""Images in a platform's registry, for providers that run images elsewhere."""
