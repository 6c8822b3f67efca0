"""What happens to a deployment: plan, run, gate, roll back, remove, under a lock."""
