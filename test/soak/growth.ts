import type { Soak } from './soak.js';

/** How a soaked run has grown once it was warm. */
export interface Growth {
  readonly steps: readonly [from: number, to: number];
  /** Of all that a program can keep: the slope, by least squares. */
  readonly bytesPerStep: number;
  /** The same in all. */
  readonly bytes: number;
  /** Of code and what goes with it, in all. */
  readonly compiledBytes: number;
  /** What grows more than it may; nothing, if all is flat. */
  readonly faults: readonly string[];
}

/** What is under way: a batch ahead, a window, the newest events. */
const MOST_HELD = 20;

/** Growth over the second half of the samples, of which there are at least two. */
export function growth({ samples, left, grown }: Soak, mostBytesPerStep: number): Growth {
  if (samples.length < 2) throw new Error(`a soak must last for two samples, it took ${samples.length}`);
  const warm = samples.slice(Math.floor((samples.length - 1) / 2));
  const [begin, end] = [warm[0]!, warm.at(-1)!];
  const bytesPerStep = slope(warm.map(({ step, bytes }) => [step, bytes]));
  const tensors = samples.map((sample) => sample.tensors);
  const held = Math.max(...samples.map((sample) => sample.held));
  const faults = [
    bytesPerStep > mostBytesPerStep &&
      `${bytesPerStep.toFixed(2)} bytes a step (at most ${mostBytesPerStep}), most of them in ${grown.map((each) => each.join(' ')).join(', ')}`,
    new Set(tensors).size > 1 && `from ${Math.min(...tensors)} to ${Math.max(...tensors)} tensors`,
    left !== 0 && `${left} tensors left`,
    held > MOST_HELD && `${held} batches and events held (at most ${MOST_HELD})`,
  ].filter((fault) => fault !== false);
  return {
    steps: [begin.step, end.step],
    bytesPerStep,
    bytes: end.bytes - begin.bytes,
    compiledBytes: end.compiled - begin.compiled,
    faults,
  };
}

function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [x0, y0] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const sum = (of: (x: number, y: number) => number) => points.reduce((total, [x, y]) => total + of(x - x0, y - y0), 0);
  return sum((x, y) => x * y) / sum((x) => x * x);
}
