"""What a served model is sent: decoded inside the graph, its rows told apart into valid and not.

A server that joins the requests of several clients answers a batch as a whole, so that a mistake of
one would fail them all. Here none fails: a row that breaks a rule is answered with nothing.
"""

from collections.abc import Callable

import tensorflow as tf

# Of an image that is to be decoded; a photograph of a phone has 12 to 16 million.
MAX_PIXELS = 24_000_000
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def keep_rows(tensor: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """The rows [B, ...] that are `valid`, booleans [B], and zeros in place of the others."""
    return tf.where(_beside(valid, tensor), tensor, tf.zeros([], tensor.dtype))


def blank_rows(outputs: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Answers [B, ...] to valid rows, and NaN, -1, "" or False, by their type, to the others."""
    if outputs.dtype.is_floating:
        kept = tf.cast(_beside(valid, outputs), outputs.dtype)
        # 0 / 0 is NaN: a constant NaN would be some number in a LiteRT file of int8.
        return outputs / (kept / kept)
    is_signed = outputs.dtype.is_integer and not outputs.dtype.is_unsigned
    nothing = tf.constant(-1, outputs.dtype) if is_signed else tf.zeros([], outputs.dtype)
    return tf.where(_beside(valid, outputs), outputs, nothing)


def finite_rows(tensor: tf.Tensor) -> tf.Tensor:
    """Which rows of a tensor [B, ...] hold no NaN and nothing infinite, booleans [B]."""
    if not tensor.dtype.is_floating:
        return tf.ones(tf.shape(tensor)[:1], tf.bool)
    return tf.reduce_all(tf.math.is_finite(tensor), axis=list(range(1, tensor.shape.rank)))


def _beside(valid, tensor):
    """Booleans [B] in a shape that broadcasts with a tensor [B, ...]."""
    return tf.reshape(valid, [-1, *[1] * (tensor.shape.rank - 1)])


def decode(
    function: Callable[[tf.Tensor], tf.Tensor], contents: tf.Tensor, width: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """What a function makes of some strings, one by one.

    Args:
        function: of a string; returns floats [D], or fails.
        contents: the strings, [B].
        width: D.

    Returns:
        Floats [B, D], zeros where the function failed, and booleans [B], False there. An operation
        that fails ends a graph, but for those of a dataset that ignores errors.
    """
    count = tf.size(contents, tf.int64)
    rows = tf.data.Dataset.range(count).map(lambda i: (i, function(contents[i])))
    # It may be empty, which no batch is.
    last = tf.data.Dataset.from_tensors((count, tf.zeros([width])))
    options = tf.data.Options()
    options.autotune.enabled = False
    batch = rows.ignore_errors().concatenate(last).batch(count + 1).with_options(options)
    places, decoded = batch.get_single_element()
    places = places[:, None]
    found = tf.scatter_nd(places, decoded, tf.stack([count + 1, width]))
    valid = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [count + 1])
    return tf.ensure_shape(found[:-1], [None, width]), valid[:-1] > 0


def decode_images(contents, image_shape):
    """PNG or JPEG files [B] as floats [B, D] in [0, 1], resized to `image_shape`; and which are."""
    height, width, channels = (*image_shape, 1)[:3]
    size = height * width * channels

    def image_of(content):
        with tf.control_dependencies([_check_image(content)]):
            # Despite its name, the operation decodes both formats.
            image = tf.io.decode_png(content, channels=channels)
        image = tf.image.resize(tf.cast(image, tf.float32), (height, width), antialias=True)
        return tf.reshape(tf.clip_by_value(image / 255, 0, 1), [size])

    return decode(image_of, contents, size)


def _check(condition, message):
    """Fail with `message` unless the scalar `condition` holds when the graph runs."""
    return tf.debugging.Assert(condition, [message])


def _check_image(content):
    """Refuse what is no PNG or JPEG, or has too many pixels, from its first bytes."""
    is_png = tf.strings.substr(content, 0, len(PNG)) == PNG
    is_jpeg = tf.strings.substr(content, 0, len(JPEG)) == JPEG
    with tf.control_dependencies([_check(is_png | is_jpeg, "must be PNG or JPEG files")]):
        shape = tf.cond(is_png, lambda: _png_shape(content), lambda: _jpeg_shape(content))
    # Either side is below 2^32: bounded one by one, their product cannot overflow.
    small = tf.reduce_all(shape > 0) & tf.reduce_all(shape <= MAX_PIXELS)
    message = f"must be images of at most {MAX_PIXELS} pixels"
    return _check(small & (tf.reduce_prod(shape) <= MAX_PIXELS), message)


def _png_shape(content):
    with tf.control_dependencies([_check(tf.strings.length(content) >= 24, "is truncated")]):
        header = tf.strings.substr(content, 16, 8)  # of IHDR: width and height, big-endian
    digits = tf.reshape(tf.cast(tf.io.decode_raw(header, tf.uint8), tf.int64), [2, 4])
    return tf.linalg.matvec(digits, tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64))


def _jpeg_shape(content):
    return tf.image.extract_jpeg_shape(content, output_type=tf.int64)[:2]


def parse_examples(examples, width):
    """Serialized tf.Example [B], each with a float list `x` of D numbers, as floats [B, D].

    And which are, booleans [B].
    """
    features = {"x": tf.io.FixedLenFeature([width], tf.float32)}
    return decode(lambda e: tf.io.parse_single_example(e, features)["x"], examples, width)
