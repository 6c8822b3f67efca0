"""What is in a wheel: its files as an installer lays them out, and what it says of itself."""
