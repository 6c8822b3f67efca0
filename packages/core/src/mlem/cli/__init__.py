"""The command line; click is used here and nowhere else."""
