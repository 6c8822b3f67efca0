"""What an image is made from: the user's options, the packages, and our own as wheels."""
