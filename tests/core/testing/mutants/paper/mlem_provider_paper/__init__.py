"""A platform of files, and a provider for it that keeps every rule of the kit."""
