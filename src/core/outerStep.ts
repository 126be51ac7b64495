/** How {@link outerStep} goes. */
export interface OuterOptions {
  readonly learningRate: number;
  readonly momentum: number;
}

/**
 * A step of SGD with Nesterov's momentum on the host, in place, with how far the replicas have moved in the mean as its gradient: Δ = anchor − weights,
 * velocity ← momentum·velocity + Δ, anchor ← anchor − learningRate·(Δ + momentum·velocity).
 *
 * @param trained - How many numbers, from the front, are trained. The others (statistics of a batch normalization) become the mean as it is: a variance
 * must not be led beyond it.
 * @see Douillard et al. 2023, arXiv:2311.08105; Sutskever et al. 2013. PyTorch's `SGD` with `nesterov`.
 */
export function outerStep(
  { anchor, velocity }: { readonly anchor: Float32Array; readonly velocity: Float32Array },
  mean: Float32Array,
  trained: number,
  { learningRate, momentum }: OuterOptions,
): void {
  for (let i = 0; i < trained; i += 1) {
    const delta = mean[i]!;
    velocity[i] = momentum * velocity[i]! + delta;
    anchor[i]! -= learningRate * (delta + momentum * velocity[i]!);
  }
  for (let i = trained; i < anchor.length; i += 1) anchor[i]! -= mean[i]!;
}
