"""The programs of the wheel: what `python -m train` and `python -m export` are in a checkout."""
