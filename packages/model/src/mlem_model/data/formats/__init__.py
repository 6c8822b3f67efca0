"""The formats of data besides JSON and CSV, and which one a file has."""
