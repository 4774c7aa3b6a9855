"""The wake-sleep algorithm, which AEVB is compared with."""

import tensorflow as tf
from keras_dgm.models.training import StepOutput

import keras_dgm as dgm
from keras_dgm import bounds, distributions


class WakeSleep(dgm.M1):
    """M1's networks, trained by wake-sleep.

    Wake: z ~ q(z|x) of data x, the decoder climbs log p(x|z). Sleep: z, x ~ p(z) p(x|z), the
    encoder climbs log q(z|x). `elbo` is the bound -J(x), as for M1. Not made to be saved.

    References:
        Hinton, Dayan, Frey and Neal (1995), Science 268.
    """

    def sample_noise(self, batch_size, training=True):
        """Noise for z of the wake phase, and for z and x of the sleep phase."""
        shape = batch_size, self.input_dim
        if self.likelihood.name == "bernoulli":
            x = tf.random.stateless_uniform(shape, self.next_seed(), dtype=self.variable_dtype)
        else:
            x = self.draw_normal(*shape)
        z = self.draw_normal(batch_size, self.latent_dim)
        return super().sample_noise(batch_size, training), z, x

    def objective(self, x, y, noise, training):
        wake_noise, z_noise, x_noise = noise
        qz_x = self.qz_x(x)
        pz = distributions.standard_normal_like(qz_x)
        z = tf.stop_gradient(distributions.reparameterize(qz_x, wake_noise))
        bound = bounds.minus_j(x, self.px_z(z), qz_x, pz)
        dreamt_z = distributions.reparameterize(pz, z_noise)
        dreamt_x = tf.stop_gradient(self.dream(self.px_z(dreamt_z), x_noise))
        log_q = self.qz_x(dreamt_x).log_prob(dreamt_z)
        return StepOutput(loss=-bound.log_likelihood - log_q, bound=bound)

    def dream(self, px_z, noise):
        """A sample of p(x|z)."""
        if self.likelihood.name == "bernoulli":
            return tf.cast(noise < px_z.mean(), noise.dtype)
        return distributions.reparameterize(px_z, noise)
