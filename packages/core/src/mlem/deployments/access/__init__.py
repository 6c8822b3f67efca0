"""What is done with what runs: wait for it, read its log, run a command in it, show callers out."""
