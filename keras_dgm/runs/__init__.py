"""The folder of a training run: its files, who may write them, and how they are read back."""
