"""What a server and its callers agree on: the description of its methods, and what keeps strangers out."""
