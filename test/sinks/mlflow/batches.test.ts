import { describe, expect, it, vi } from 'vitest';

import { batches } from '../../../src/sinks/mlflow/batches.js';

const past = (ms: number) => new Promise((done) => setTimeout(done, ms));

describe('batches', () => {
  it('are sent once: what was flushed is not waited for any more', async () => {
    const send = vi.fn(async () => undefined);
    const { add, flush } = batches<number>(send, { most: 10, delayMs: 10 });
    void add([1, 2]);
    await flush();
    await past(30);
    await flush();
    expect(send.mock.calls).toStrictEqual([[[1, 2]]]);
  });

  it('wait for the one before, and keep their order', async () => {
    const sent: number[][] = [];
    let [atOnce, most] = [0, 0];
    const send = async (things: readonly number[]): Promise<void> => {
      most = Math.max(most, (atOnce += 1));
      await past(1);
      sent.push([...things]);
      atOnce -= 1;
    };
    const { add, flush } = batches(send, { most: 3, delayMs: 1 });
    for (let i = 0; i < 10; i += 1) void add([i]);
    await flush();
    expect(sent.flat()).toStrictEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([most, Math.max(...sent.map(({ length }) => length))]).toStrictEqual([1, 3]);
  });

  it('end with one that fails, which is told to whoever comes then', async () => {
    const send = vi.fn(() => Promise.reject(new Error('no')));
    const { add, flush } = batches<number>(send, { most: 10, delayMs: 5 });
    void add([1]);
    await past(40);
    expect(send).toHaveBeenCalledOnce();
    expect(() => add([2])).toThrow('no');
    expect(() => add([3])).toThrow('no');
    await expect(flush()).rejects.toThrow('no');
    await past(20);
    expect(send).toHaveBeenCalledOnce();
  });
});
