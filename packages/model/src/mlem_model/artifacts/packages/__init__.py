"""Packages that an object needs: found, recorded, and compared with what is installed."""
