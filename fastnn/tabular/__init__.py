"""Estimators for tables: an ensemble of networks and trees over folds of the training rows."""
