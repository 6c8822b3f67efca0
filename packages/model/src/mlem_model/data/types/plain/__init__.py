"""Types of one value: numbers, texts, times, literals, what may be missing, and what is one of several."""
