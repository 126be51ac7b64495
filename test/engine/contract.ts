import { from, lastValueFrom, take, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { tensors } from '../../src/core/tensors.js';
import { engine, useTensorFlow } from '../../src/engine/engine.js';
import type { Opened } from '../../src/engine/opened.js';
import { adagrad, adam, adamw, lion, rmsprop, sgd } from '../../src/optim/index.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../support/line.js';
import { cases, gradientsOn } from './cases.js';

const optimizers = {
  sgd: () => sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
  adam: () => adam({ learningRate: 0.05 }),
  adamw: () => adamw({ learningRate: 0.05, weightDecay: 0.1 }),
  rmsprop: () => rmsprop({ learningRate: 0.01, momentum: 0.5 }),
  adagrad: () => adagrad({ learningRate: 0.1 }),
  lion: () => lion({ learningRate: 0.01, weightDecay: 0.1 }),
};

/** Options of {@link engineContract}. */
export interface ContractOptions {
  /** By how much a gradient may differ from cpu's, relative to 1 or to its size. */
  readonly tolerance?: number;
}

/**
 * What every engine must do: gradients as on cpu for every kernel that training needs, every optimizer, no tensor left, by its own count, too.
 *
 * `open` may reject: then every test fails and says why.
 */
export function engineContract(
  name: string,
  open: () => Promise<Opened>,
  { tolerance = 1e-4 }: ContractOptions = {},
): void {
  const close = (a: number[], b: number[]): void => {
    expect(a).toHaveLength(b.length);
    a.forEach((value, i) =>
      expect(Math.abs(value - b[i]!)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(b[i]!))),
    );
  };

  describe(`${name} keeps the engine contract`, () => {
    const onCpu: Record<string, number[]> = {};
    let opened!: Opened;

    /** Weights and losses after a run of five steps with every stage. */
    const run = async (optimizer: keyof typeof optimizers): Promise<number[]> => {
      const model = line();
      const events = await lastValueFrom(
        train(model, batchesOf([3, 2, 3, 1]), {
          loss: squaredError,
          optimizer: optimizers[optimizer](),
          accumulate: 2,
          clipNorm: 1,
          skipNonFinite: true,
          epochs: 3,
        }).pipe(toArray()),
      );
      const weights = await Promise.all(model.variables.map((variable) => variable.data()));
      model.dispose();
      return [
        ...weights.flatMap((values) => [...values]),
        ...events.flatMap((event) => (event.type === 'step' ? [event.loss, event.gradientNorm!] : [])),
      ];
    };

    beforeAll(async () => {
      const { tf } = await engine('cpu');
      for (const [what, given] of Object.entries(cases)) onCpu[what] = await gradientsOn(tf, given);
      for (const optimizer of Object.keys(optimizers))
        onCpu[optimizer] = await run(optimizer as keyof typeof optimizers);
      opened = await open();
      useTensorFlow(opened.tf);
    }, 60_000);
    afterAll(async () => {
      (opened as Opened | undefined)?.close?.();
      await engine('cpu');
    });

    it('says what it runs on', () => {
      expect(opened.about).not.toBe('');
    });

    it.each(Object.keys(cases))('differentiates as cpu does: %s', async (what) => {
      close(await gradientsOn(opened.tf, cases[what]!), onCpu[what]!);
    });

    it.each(Object.keys(optimizers))('trains as cpu does, with every stage: %s', async (optimizer) => {
      close(await run(optimizer as keyof typeof optimizers), onCpu[optimizer]!);
    });

    it('gives what is read as an array that nobody else has', async () => {
      const given = Float32Array.of(1, 2, 3);
      const fromHost = opened.tf.tensor1d(given);
      const computed = opened.tf.mul(fromHost, 2);
      for (const tensor of [fromHost, computed, computed.clone(), fromHost.reshape([3, 1])]) {
        const expected = [...(await tensor.data())];
        for (let i = 0; i < 2; i++) {
          const values = (await lastValueFrom(from(tensors().read(tensor)))) as Float32Array;
          expect([...values]).toStrictEqual(expected);
          values.fill(9);
        }
        expect([...(await tensor.data())]).toStrictEqual(expected);
        tensor.dispose();
      }
      expect([...given]).toStrictEqual([1, 2, 3]);
      opened.tf.dispose([fromHost, computed]);
    });

    it('leaves no tensor behind, by its own count, when a run completes or is unsubscribed', async () => {
      await run('adam');
      const count = (): number => opened.liveHandles?.() ?? opened.tf.memory().numTensors;
      const before = count();
      await run('adam');
      const model = line();
      const run$ = train(model, () => batchesOf([2, 1, 2]), {
        loss: squaredError,
        optimizer: adam(),
        accumulate: 2,
        steps: 50,
      });
      await lastValueFrom(run$.pipe(take(3)));
      const cut = run$.subscribe();
      await new Promise((resolve) => setTimeout(resolve, 20));
      cut.unsubscribe();
      await new Promise((resolve) => setTimeout(resolve, 50));
      model.dispose();

      expect(count()).toBe(before);
    });

    it('keeps the event loop alive during a run', async () => {
      const model = line();
      let ticks = 0;
      const timer = setInterval(() => (ticks += 1), 10);
      const start = performance.now();
      const run = train(model, () => batchesOf([8, 8]), {
        loss: squaredError,
        optimizer: adam(),
        steps: 1e6,
      }).subscribe();
      await new Promise((resolve) => setTimeout(resolve, 500));
      run.unsubscribe();
      clearInterval(timer);
      const ms = performance.now() - start;
      await new Promise((resolve) => setTimeout(resolve, 50));
      model.dispose();

      expect(ticks).toBeGreaterThan(ms / 200);
    });
  });
}
