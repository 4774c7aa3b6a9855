"""`python -m train compare`: classifiers on the same few labels of many data sets."""
