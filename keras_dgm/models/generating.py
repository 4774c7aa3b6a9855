"""What a trained M2 is for besides classifying: features, samples of a class, analogies."""

import numpy as np
import tensorflow as tf

from keras_dgm import checks


class GenerationMixin:
    """Features and images out of an M2's p(x|y,z), q(z|x,y) and q(y|x)."""

    def decode(self, y, z):
        """The mean of p(x|y,z), as raw data [B, S, D], of y [B, S] or [1, S] and z [B, S, Z]."""
        x = self.px_yz(y, tf.cast(z, self.variable_dtype)).mean()
        return x if self.preprocessor is None else self.preprocessor.inverse(x)

    def posterior_means(self, x):
        """The means of q(z|x,y) for all classes, [B, K, Z], and q(y|x), of raw x [B, D]."""
        x = self.expected_observation(self.observe(x))
        return self.qz_xy(x, tf.range(self.num_classes)[None]).mean(), self.qy_x(x)

    def embed(self, x, batch_size=1000):
        """The mean of z under q(y|x) q(z|x,y), a NumPy array [N, Z], of an array x."""

        def embed(x):
            means, qy_x = self.posterior_means(x)
            return tf.einsum("bk,bkz->bz", qy_x.probs_parameter(), means)

        return self.in_batches(embed, self.check_features(x), batch_size=batch_size)

    def generate(self, y, z=None, batch_size=1000):
        """The mean of p(x|y,z), a NumPy array [N, D].

        Args:
            y: integers [N], from 0 to K - 1.
            z: array [N, Z]; None: drawn from p(z).
        """
        y = checks.check_labels(y, num_classes=self.num_classes, lowest=0)
        z = self.check_latent(z, len(y))
        return self.in_batches(
            lambda y, z: self.decode(y[:, None], z[:, None])[:, 0], y, z, batch_size=batch_size
        )

    def analogies(self, x, y=None, batch_size=100):
        """Every example's style in all classes, a NumPy array [N, K, D] (the paper, section 4.2).

        Args:
            x: array [N, D] or [N, ...].
            y: integers [N], the classes of x; None or -1: the most likely under q(y|x).
        """
        x = self.check_features(x)
        y = np.full(len(x), -1) if y is None else y
        y = checks.check_labels(y, num_classes=self.num_classes, length=len(x))

        def analogies(x, y):
            means, qy_x = self.posterior_means(x)
            y = tf.where(y >= 0, y, qy_x.mode())
            z = tf.gather(means, y, batch_dims=1)[:, None]  # [B, 1, Z]
            return self.decode(tf.range(self.num_classes)[None], z)

        return self.in_batches(analogies, x, y, batch_size=batch_size)
