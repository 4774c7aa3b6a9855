"""What a served model is sent, checked and decoded inside the graph.

A failed check is an InvalidArgument error to the one who sent the request, and to nobody else.
"""

import tensorflow as tf

# Of an image that is to be decoded; a photograph of a phone has 12 to 16 million.
MAX_PIXELS = 24_000_000
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def check(condition, message):
    """Fail with `message` unless the scalar `condition` holds when the graph runs."""
    return tf.debugging.Assert(condition, [message])


def checked_count(tensor, name):
    """The tensor, refused where it holds no example."""
    some = check(tf.shape(tensor)[0] > 0, f"`{name}` must hold at least one example, got none")
    with tf.control_dependencies([some]):
        return tf.identity(tensor)


def checked(tensor, name, accepts, rule):
    """The tensor, refused unless all of its entries are accepted."""
    with tf.control_dependencies([check(tf.reduce_all(accepts(tensor)), f"`{name}` must {rule}")]):
        return tf.identity(tensor)


def decode_images(contents, image_shape):
    """PNG or JPEG files [B] as floats [B, D] in [0, 1], resized to `image_shape`."""
    height, width, channels = (*image_shape, 1)[:3]

    def decode(content):
        with tf.control_dependencies([_check_image(content)]):
            # Despite its name, the operation decodes both formats.
            image = tf.io.decode_png(content, channels=channels)
        image = tf.image.resize(tf.cast(image, tf.float32), (height, width), antialias=True)
        return tf.reshape(tf.clip_by_value(image / 255, 0, 1), [height * width * channels])

    contents = checked_count(contents, "image_bytes")
    spec = tf.TensorSpec([height * width * channels], tf.float32)
    return tf.map_fn(decode, contents, fn_output_signature=spec)


def _check_image(content):
    """Refuse what is no PNG or JPEG, or has too many pixels, from its first bytes."""
    is_png = tf.strings.substr(content, 0, len(PNG)) == PNG
    is_jpeg = tf.strings.substr(content, 0, len(JPEG)) == JPEG
    known = check(is_png | is_jpeg, "`image_bytes` must be PNG or JPEG files")
    with tf.control_dependencies([known]):
        shape = tf.cond(is_png, lambda: _png_shape(content), lambda: _jpeg_shape(content))
    # Either side is below 2^32: bounded one by one, their product cannot overflow.
    small = tf.reduce_all(shape > 0) & tf.reduce_all(shape <= MAX_PIXELS)
    message = f"`image_bytes` must be images of at most {MAX_PIXELS} pixels"
    return check(small & (tf.reduce_prod(shape) <= MAX_PIXELS), message)


def _png_shape(content):
    long_enough = check(tf.strings.length(content) >= 24, "`image_bytes` holds a truncated PNG")
    with tf.control_dependencies([long_enough]):
        header = tf.strings.substr(content, 16, 8)  # of IHDR: width and height, big-endian
    digits = tf.reshape(tf.cast(tf.io.decode_raw(header, tf.uint8), tf.int64), [2, 4])
    return tf.linalg.matvec(digits, tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64))


def _jpeg_shape(content):
    return tf.image.extract_jpeg_shape(content, output_type=tf.int64)[:2]


def parse_examples(examples, width):
    """Serialized tf.Example [B], each with a float list `x` of D numbers, as floats [B, D]."""
    examples = checked_count(examples, "examples")
    features = {"x": tf.io.FixedLenFeature([width], tf.float32)}
    return tf.io.parse_example(examples, features)["x"]
