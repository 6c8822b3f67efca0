"""Deploy a model as a process on this machine."""
