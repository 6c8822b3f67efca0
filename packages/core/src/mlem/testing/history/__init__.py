"""Histories of what many processes did to one store, and whether some order explains them."""
