"""Signatures of images, as cosign has them."""
