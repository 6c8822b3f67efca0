"""Deploy a model to Heroku."""
