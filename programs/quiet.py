"""TensorFlow without the messages that it prints while it looks for devices."""

import contextlib
import os
import sys


def quiet_tensorflow():
    """Import TensorFlow and let it look for its devices with standard error closed to it.

    Its C++ side writes there about libraries that it did not find, whatever the log level is.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _standard_error_to(os.devnull):
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextlib.contextmanager
def _standard_error_to(path):
    sys.stderr.flush()
    saved = os.dup(2)
    with open(path, "w") as sink:
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
