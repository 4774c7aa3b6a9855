"""The matrix products of a training step, and nothing else: what a machine could do at best."""

import tensorflow as tf

import keras_dgm as dgm


def of_step(model, batch_size):
    """The matrix products of a step's forward pass.

    Returns:
        Tuples (rows, inputs, outputs, needs_gradient): a product of [rows, inputs] and
        [inputs, outputs], and whether a gradient goes to the former.
    """
    if isinstance(model, dgm.M1):
        chains = [(batch_size, model.encoder.layers, False)]
        chains += [(batch_size, model.decoder.layers, True)]
    else:
        rows = batch_size * min(model.summed_classes + 1, model.num_classes)
        chains = [(batch_size, model.classifier.layers, False)]
        chains += [(batch_size, [model.encoder.from_x], False)]
        chains += [(rows, model.encoder.rest.layers, True)]
        chains += [(rows, [model.decoder.from_x, *model.decoder.rest.layers], True)]
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
