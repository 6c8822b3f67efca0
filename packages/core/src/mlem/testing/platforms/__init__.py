"""Suites for deployment types, beside what every run does: declarations, neighbours, failures, logs."""
