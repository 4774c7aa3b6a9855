"""The optimizers that a recipe can name."""

import keras


def create(name, learning_rate):
    """`"adam"`, or `"adagrad"` as in Duchi et al. (2011): its sum of squares starts at 0."""
    if name == "adagrad":
        return keras.optimizers.Adagrad(learning_rate, initial_accumulator_value=0.0)
    return keras.optimizers.Adam(learning_rate)
