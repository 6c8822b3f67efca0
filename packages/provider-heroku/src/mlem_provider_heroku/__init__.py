"""Deploy a model to Heroku; `mlem_provider_heroku.testing` stands in for Heroku where there is no account."""
