"""Monte-Carlo EM with Hamiltonian Monte Carlo, which AEVB is compared with."""

import tensorflow as tf
import tensorflow_probability as tfp

from keras_dgm import distributions

LEAPFROG_STEPS = 10
UPDATES = 5
ACCEPTANCE = 0.9
# Gradients of log p(x, z) that a step takes for each of its examples.
EVALUATIONS = 1 + LEAPFROG_STEPS + UPDATES


class MonteCarloEM:
    """Trains the decoder of an M1 without an encoder (AEVB, appendix E).

    E: one Hamiltonian transition of the batch's z towards p(z|x), of 10 leapfrog steps whose size
    is tuned to 90 % acceptance. M: 5 steps of the optimizer on log p(x, z) at those z. Each
    example keeps its z until its next turn.

    Args:
        model: a built `M1` with `weight_prior`; its encoder stays as it is.
        x: [N, D], observations.
        optimizer: a Keras optimizer.
        seed: of the first z and of the chains.

    References:
        Kingma and Welling (2014), arXiv 1312.6114, appendix E; Wei and Tanner (1990).
    """

    def __init__(self, model, x, optimizer, seed):
        self.model = model
        self.optimizer = optimizer
        self.weights = model.decoder.trainable_variables
        optimizer.build(self.weights)
        self.x = tf.constant(x)
        self.pz = distributions.standard_normal([model.latent_dim], self.x.dtype)
        self.z = tf.Variable(
            tf.random.stateless_normal([len(x), model.latent_dim], [seed, 0], dtype=self.x.dtype)
        )
        self.log_step_size = tf.Variable(tf.math.log(tf.constant(0.1, self.x.dtype)))
        self.seed = seed

    def log_p_xz(self, x, z):
        """log p(x, z), [B]."""
        return self.model.px_z(z).log_prob(x) + self.pz.log_prob(z)

    @tf.function(jit_compile=True)
    def step(self, indices, step):
        """E and M on the examples `indices`, the `step`-th time; the acceptance, a scalar."""
        x = tf.gather(self.x, indices)
        z, acceptance = self._sample(x, tf.gather(self.z, indices), [self.seed, step])
        self.z.scatter_nd_update(indices[:, None], z)
        for _ in range(UPDATES):
            self._update(x, z)
        return acceptance

    def _sample(self, x, z, seed):
        kernel = tfp.mcmc.HamiltonianMonteCarlo(
            lambda z: self.log_p_xz(x, z), tf.exp(self.log_step_size), LEAPFROG_STEPS
        )
        z, results = kernel.one_step(z, kernel.bootstrap_results(z), seed=seed)
        acceptance = tf.reduce_mean(tf.exp(tf.minimum(results.log_accept_ratio, 0)))
        self.log_step_size.assign_add(0.5 * (acceptance - ACCEPTANCE))
        return z, acceptance

    def _update(self, x, z):
        prior = tfp.distributions.Normal(tf.zeros([], x.dtype), 1.0)
        with tf.GradientTape() as tape:
            log_prior = tf.add_n([tf.reduce_sum(prior.log_prob(w)) for w in self.weights])
            loss = -tf.reduce_mean(self.log_p_xz(x, z)) - log_prior / len(self.x)
        self.optimizer.apply(tape.gradient(loss, self.weights), self.weights)
