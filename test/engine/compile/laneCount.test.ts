import { availableParallelism } from 'node:os';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { laneCount } from '../../../src/engine/compile/laneCount.js';
import type { Program } from '../../../src/engine/compile/program.js';

vi.mock('node:os', () => ({ availableParallelism: vi.fn() }));

type Node = Program['nodes'][number];
const programOf = (...nodes: Omit<Node, 'name' | 'input'>[]): Program =>
  ({ nodes: nodes.map((node) => ({ name: 'op', input: [], ...node })) }) as unknown as Program;
const product = (rows: number, inner: number, columns: number, turned = false): Program =>
  programOf({
    op: 'BatchMatMulV2',
    attr: { adj_x: { b: turned } },
    shapes: { in: [turned ? [1, inner, rows] : [1, rows, inner], [1, inner, columns]], out: [[1, rows, columns]] },
  });
/** 2²⁴ products of two numbers, the least that is worth it for 32 samples. */
const LARGE = product(2 ** 8, 2 ** 8, 2 ** 8);

describe('laneCount', () => {
  beforeEach(() => {
    vi.unstubAllEnvs();
    vi.stubEnv('TF_NUM_INTRAOP_THREADS', undefined);
    vi.mocked(availableParallelism).mockReturnValue(2);
  });

  it.each([1, 2, 3, 8])('is the number of cores: %d', (cores) => {
    vi.mocked(availableParallelism).mockReturnValue(cores);
    expect(laneCount(LARGE, 24)).toBe(cores);
  });

  it('is one for more cores than have been measured', () => {
    vi.mocked(availableParallelism).mockReturnValue(16);
    expect(laneCount(LARGE, 32)).toBe(1);
  });

  it.each([
    ['1', 1],
    ['4', 4],
    ['0', 2],
  ])('is the number of threads that TensorFlow was given, if it was: %s', (threads, count) => {
    vi.stubEnv('TF_NUM_INTRAOP_THREADS', threads);
    expect(laneCount(LARGE, 32)).toBe(count);
  });

  it('is one for a pass that is done before cores have been set going', () => {
    expect(laneCount(product(2 ** 8, 2 ** 8, 2 ** 8 - 1), 32)).toBe(1);
    expect(laneCount(LARGE, 33)).toBe(1);
    expect(laneCount(programOf(), 32)).toBe(1);
  });

  it('counts products however they are turned, and convolutions with their two gradients', () => {
    expect(laneCount(product(2 ** 4, 2 ** 16, 2 ** 4, true), 32)).toBe(2);
    const conv = (filters: number) =>
      programOf({
        op: 'Conv2D',
        attr: {},
        shapes: { in: [[32, 16, 16, 16], [3, 3, 16, filters]], out: [[32, 16, 16, filters]] }, // prettier-ignore
      });
    expect(laneCount(conv(4), 32)).toBe(1); // 3 · 2¹³ · 4 · 144 = 14 155 776
    expect(laneCount(conv(5), 32)).toBe(2);
  });
});
