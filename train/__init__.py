"""`python -m train`: training runs from the shell."""
