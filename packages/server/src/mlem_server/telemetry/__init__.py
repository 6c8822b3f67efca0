"""What is told of a server: its log, its metrics, its traces."""
