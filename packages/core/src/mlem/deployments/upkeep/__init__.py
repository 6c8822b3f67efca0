"""Looking after what was deployed: what is not needed any more, what is gone, what gets another name."""
