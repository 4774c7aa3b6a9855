"""The wake-sleep algorithm, which AEVB is compared with."""

import tensorflow as tf

import keras_dgm as dgm
from keras_dgm import bounds, distributions
from keras_dgm.training.step import StepOutput


class WakeSleep(dgm.M1):
    """M1's networks, trained by wake-sleep.

    Wake: z ~ q(z|x) of data x, the decoder climbs log p(x|z). Sleep: z, x ~ p(z) p(x|z), the
    encoder climbs log q(z|x). `elbo` is the bound -J(x), as for M1. Not made to be saved.

    References:
        Hinton, Dayan, Frey and Neal (1995), Science 268.
    """

    def sample_noise(self, batch_size, training=True):
        """Noise for z of the wake phase, and for z of the sleep phase; a seed of its x."""
        z = self.draw_normal(batch_size, self.latent_dim)
        return super().sample_noise(batch_size, training), z, self.next_seed()

    def objective(self, x, y, noise, training):
        wake_noise, z_noise, x_seed = noise
        qz_x = self.qz_x(x)
        pz = distributions.standard_normal_like(qz_x)
        z = tf.stop_gradient(distributions.reparameterize(qz_x, wake_noise))
        bound = bounds.elbo(x, self.px_z(z), qz_x, pz)
        dreamt_z = distributions.reparameterize(pz, z_noise)
        dreamt_x = tf.stop_gradient(self.px_z(dreamt_z).sample(seed=x_seed))
        log_q = self.qz_x(dreamt_x).log_prob(dreamt_z)
        return StepOutput(loss=-bound.reconstruction - log_q, bound=bound)
