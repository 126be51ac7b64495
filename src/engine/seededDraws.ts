import { seededRandom, type Random } from '../data/random.js';

/**
 * Does something that may draw random numbers, so that it draws the same for the same seed and index.
 *
 * TensorFlow.js seeds each random tensor (a dropout's mask) with a number from the host; while `work` runs, that number comes from here. What has a
 * seed of its own keeps it.
 */
export function seededDraws<T>(seed: number, index: number, work: () => T): T {
  const before = Object.getOwnPropertyDescriptor(Math, 'random')!;
  let random: Random | undefined;
  const draw = (): number => (random ??= seededRandom(seed, 'pass', index)).nextFloat();
  Object.defineProperty(Math, 'random', { ...before, value: draw });
  try {
    return work();
  } finally {
    Object.defineProperty(Math, 'random', before);
  }
}
