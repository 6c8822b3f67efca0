"""Apps, their releases and images, and what Heroku offers."""
