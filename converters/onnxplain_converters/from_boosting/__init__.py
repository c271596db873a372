"""XGBoost, LightGBM, CatBoost."""
