"""How calls reach the model: jobs, batches, the model's thread, and its stalls."""
