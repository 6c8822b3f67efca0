"""Bodies on their way from the socket into memory."""
