"""The image to start from: what it says, and what is in it, found without unpacking it."""
