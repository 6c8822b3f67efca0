"""Heroku's own JSON schema as the judge of requests and answers."""
