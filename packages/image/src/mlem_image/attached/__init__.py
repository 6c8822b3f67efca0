"""What is kept beside an image in its registry: what is in it, and what it was made from."""
