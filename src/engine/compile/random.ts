import seedrandom from 'seedrandom';

/** Numbers drawn from a distribution, times `scale`, plus `offset`. */
export interface Random {
  /** TensorFlow's op that draws from the distribution. */
  readonly op: keyof typeof STREAMS;
  readonly scale: number;
  readonly offset: number;
}

type Draw = () => number;

/** As many as are looked at first. */
const FEW = 64;

/** How TensorFlow.js draws from each, given its generator of numbers between 0 and 1. */
const STREAMS = {
  StatelessRandomUniform: (random: Draw): Draw => random,
  StatelessRandomNormal: (random: Draw): Draw => polar(random, Infinity),
  StatelessTruncatedNormal: (random: Draw): Draw => polar(random, 2),
} as const;

/**
 * Which distribution a tensor of TensorFlow.js was drawn from, and undefined if from none that is known.
 *
 * TensorFlow.js seeds a generator with one number from the host for each random tensor; what that seed gives is drawn again and held against the
 * values.
 */
export function randomOf(values: ArrayLike<number>, seeds: readonly number[]): Random | undefined {
  for (const seed of seeds) {
    for (const [op, stream] of Object.entries(STREAMS)) {
      // A few tell nearly always that it was another seed, and spare drawing all.
      const drawn = (count: number): number[] => {
        const draw = stream(seedrandom.alea(String(seed)));
        return Array.from({ length: Math.min(count, values.length) }, draw);
      };
      if (!fitted(values, drawn(FEW))) continue;
      const fit = fitted(values, drawn(Infinity));
      if (fit) return { op: op as Random['op'], ...fit };
    }
  }
  return undefined;
}

/** Scale and offset with which `drawn` becomes `values`, if there are such. */
function fitted(
  values: ArrayLike<number>,
  drawn: readonly number[],
): { readonly scale: number; readonly offset: number } | undefined {
  // Two points lie on some line always; through fewer than three, only the plain distribution is told.
  const few = drawn.length < 3;
  const [low, high] = [
    drawn.indexOf(Math.min(...drawn.slice(0, FEW))),
    drawn.indexOf(Math.max(...drawn.slice(0, FEW))),
  ];
  const scale = few ? 1 : (values[high]! - values[low]!) / (drawn[high]! - drawn[low]!);
  const offset = few ? 0 : values[low]! - scale * drawn[low]!;
  const size = Math.abs(scale) + Math.abs(offset);
  const fits = scale !== 0 && drawn.every((u, i) => Math.abs(scale * u + offset - values[i]!) <= 1e-5 * size);
  return fits ? { scale: round(scale, size), offset: round(offset, size) } : undefined;
}

/** To the six digits that float32 has kept of numbers of a size. */
function round(value: number, size: number): number {
  const unit = 10 ** (Math.floor(Math.log10(size)) - 5);
  return Number((Math.round(value / unit) * unit).toPrecision(12));
}

/** Normal numbers by Marsaglia's polar method, none beyond `limit`, in the order in which TensorFlow.js gives them. */
function polar(random: Draw, limit: number): Draw {
  let second: number | undefined;
  return () => {
    if (second !== undefined) {
      const value = second;
      second = undefined;
      return value;
    }
    for (;;) {
      const [x, y] = [2 * random() - 1, 2 * random() - 1];
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const length = Math.sqrt((-2 * Math.log(square)) / square);
      if (Math.abs(x * length) > limit) continue;
      if (Math.abs(y * length) <= limit) second = y * length;
      return x * length;
    }
  };
}
