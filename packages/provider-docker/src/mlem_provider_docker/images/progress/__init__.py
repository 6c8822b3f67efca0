"""What a build or a transfer does, in words and bytes."""
