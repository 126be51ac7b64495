/** Σ(weight·value) / Σ weight, divided once at the end; NaN when nothing has any weight. */
export function weightedMean(values: readonly number[], weights: readonly number[]): number {
  let total = 0;
  let weight = 0;
  values.forEach((value, i) => {
    const w = weights[i] ?? 0;
    if (w === 0) return; // a replica that has run dry adds nothing, not NaN
    total += w * value;
    weight += w;
  });
  return total / weight;
}
