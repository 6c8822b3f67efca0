"""Translation of what MLEM 0.4 wrote; it will be removed with version 1.0."""
