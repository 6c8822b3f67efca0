"""Locks on states: who asks, who owns one, and what its owner may write."""
