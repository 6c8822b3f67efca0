"""Suites for what plugins bring besides deployments: packages, clients, builders."""
