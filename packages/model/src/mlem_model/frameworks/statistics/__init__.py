"""Statistics: fitted models of statsmodels, and forecasts of Prophet."""
