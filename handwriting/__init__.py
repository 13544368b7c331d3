"""Handwritten-digit recognition: pure functions and scikit-learn estimators, without paths."""
