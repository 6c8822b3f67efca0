"""What a server reports: its log, its metrics, its traces."""
