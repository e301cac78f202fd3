"""The estimators: scikit-learn's faces of a network, and all that sees them."""
