"""Containers that run as Heroku's dynos do."""
