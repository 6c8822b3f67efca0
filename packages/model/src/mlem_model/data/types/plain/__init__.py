"""Types of single values: numbers, texts, times, literals, values that may be missing, and values of several types."""
