"""What makes and pushes images: this package itself, and others that plugins bring."""
