"""Suites for stores of states, and stores that fail for tests."""
