"""What MLEM 0.4 wrote, translated; to go with 1.0."""
