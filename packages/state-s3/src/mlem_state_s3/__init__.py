"""States and locks on S3."""
