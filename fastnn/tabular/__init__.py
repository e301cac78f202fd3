"""Estimators for tables: an ensemble over folds of networks and of scikit-learn's own trees."""
