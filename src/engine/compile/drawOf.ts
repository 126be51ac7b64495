/** What random numbers come from, beside the seed: the micro-step, and which part of it. */
export function drawOf(microStep: number, part: number): number {
  return microStep ^ Math.imul(part, 0x9e3779b9);
}
