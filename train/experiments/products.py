"""The matrix products of a training step, and nothing else: what a machine could do at best."""

import tensorflow as tf


def of_m1(model, batch_size):
    """Those of a step's forward pass of an M1.

    Returns:
        Tuples (rows, inputs, outputs, needs_gradient): a product of [rows, inputs] and
        [inputs, outputs], and whether a gradient goes to the former.
    """
    return of_chains(
        (batch_size, model.encoder.layers, False), (batch_size, model.decoder.layers, True)
    )


def of_m2(model, batch_size):
    """Those of an M2, as `of_m1`."""
    rows = batch_size * min(model.summed_classes + 1, model.num_classes)
    return of_chains(
        (batch_size, model.classifier.layers, False),
        (batch_size, [model.encoder.from_x], False),
        (rows, model.encoder.rest.layers, True),
        (rows, [model.decoder.from_x, *model.decoder.rest.layers], True),
    )


def of_stack(model, batch_size):
    """Those of an M1+M2 whose M1 has been encoded, as `of_m1`."""
    return of_m2(model.m2, batch_size)


def of_chains(*chains):
    """Of layers in a row: how many rows go through them, and whether a gradient comes out."""
    return [
        (rows, *layer.kernel.shape, to_input or i > 0)
        for rows, layers, to_input in chains
        for i, layer in enumerate(layers)
    ]


def function(products, dtype, jit_compile):
    """A function that does these products and those of their gradients, and nothing else."""

    def normal(*shape):
        return tf.cast(tf.random.stateless_normal(shape, (0, 0)), dtype)

    operands = [
        (normal(rows, inputs), normal(inputs, outputs), normal(rows, outputs), needs_gradient)
        for rows, inputs, outputs, needs_gradient in products
    ]
    tensors = [operand[:3] for operand in operands]

    @tf.function(jit_compile=jit_compile)
    def multiply(tensors):
        results = []
        for (x, kernel, gradient), (*_, needs_gradient) in zip(tensors, operands, strict=True):
            results += [x @ kernel, tf.matmul(x, gradient, transpose_a=True)]
            if needs_gradient:
                results.append(tf.matmul(gradient, kernel, transpose_b=True))
        return results

    return lambda: multiply(tensors)
