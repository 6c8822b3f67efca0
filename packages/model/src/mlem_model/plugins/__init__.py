"""The registry: which plugins are installed, and which class a word means."""
