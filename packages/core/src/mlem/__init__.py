"""Deploy a saved model to any platform with one command, and keep track of it there."""
