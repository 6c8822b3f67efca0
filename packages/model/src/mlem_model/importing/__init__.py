"""Models that were saved without us: recognised, looked at before anything of them runs, and saved as ours."""
