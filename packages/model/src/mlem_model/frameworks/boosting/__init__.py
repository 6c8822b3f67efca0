"""Trees that were boosted: XGBoost, LightGBM and CatBoost, each in its own format."""
