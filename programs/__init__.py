"""What `python -m train` and `python -m export` have in common."""
