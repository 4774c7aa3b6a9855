// The last layer of q(y|x) learns on, as `personalise.tflite` of the bundle does.

export const STEPS = 100;

/**
 * The logits h W + b of what the last layer sees, h [H].
 * Its weights are [H + 1, K], row by row: those of W, and b last.
 */
function logits(weights, h, K) {
  const found = Float32Array.from(weights.subarray(h.length * K, (h.length + 1) * K));
  h.forEach((value, row) => {
    if (value) for (let k = 0; k < K; k++) found[k] += value * weights[row * K + k];
  });
  return found;
}

/** q(y|x), [K]. */
export function probabilities(weights, h, K) {
  const found = logits(weights, h, K);
  const largest = Math.max(...found);
  const exp = found.map((value) => Math.exp(value - largest));
  const sum = exp.reduce((a, b) => a + b, 0);
  return exp.map((value) => value / sum);
}

/**
 * New weights after gradient descent on the mean of -log q(y|x) over examples {hidden, label};
 * those given where there is none.
 */
export function teach(weights, examples, K, rate, steps = STEPS) {
  const learned = Float32Array.from(weights);
  for (let step = 0; step < steps && examples.length; step++) {
    const gradient = new Float64Array(weights.length);
    for (const { hidden, label } of examples) {
      // Of one example with respect to the logits, [K].
      const error = probabilities(learned, hidden, K).map(
        (q, k) => (q - (k === label)) / examples.length,
      );
      hidden.forEach((value, row) => {
        if (value) for (let k = 0; k < K; k++) gradient[row * K + k] += value * error[k];
      });
      for (let k = 0; k < K; k++) gradient[hidden.length * K + k] += error[k];
    }
    for (let i = 0; i < learned.length; i++) learned[i] -= rate * gradient[i];
  }
  return learned;
}
