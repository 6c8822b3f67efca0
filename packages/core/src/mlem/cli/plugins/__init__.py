"""What is installed, and plugins of one's own."""
