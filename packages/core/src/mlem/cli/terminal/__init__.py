"""What the commands write: results, messages, tables, progress."""
