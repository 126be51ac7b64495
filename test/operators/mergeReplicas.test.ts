import { lastValueFrom, NEVER, of, Subject, tap, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { forward } from '../../operators/forward.js';
import { mergeReplicas } from '../../operators/mergeReplicas.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { disposeTensors } from '../../src/core/batch.js';
import { ArgumentError, ReplicaError } from '../../src/core/errors.js';
import { last, max, sum } from '../../src/core/metric.js';
import { fromPull } from '../../src/core/fromPull.js';
import { readSnapshot } from '../../src/core/readSnapshot.js';
import { RUN, type InRun } from '../../src/core/run.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { adam } from '../../src/optim/adam.js';
import { numbersOf } from '../../src/testing/numbersOf.js';
import { microStep } from '../../src/testing/steps.js';
import type { MicroStep } from '../../src/core/values.js';
import { batchOf, line, samples, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';

const step = (n: number, value: number, weight = 1) =>
  microStep({ microStep: n, loss: value, gradients: [value], weight });
const says = (value: number, weight = 2) => ({ losses: [value], gradients: [value], weight, globalStep: 0 });

describe('mergeReplicas', () => {
  it(
    'merges by step and not by time: a late replica is waited for',
    marbles((m) => {
      const one = m.cold('     --a-b------|', { a: step(1, 1), b: step(2, 2) });
      const two = m.cold('     -----a----b|', { a: step(1, 3), b: step(2, 6) });
      const expected = m.cold('-----x----y|', { x: says(2), y: says(4) });

      m.expect(mergeReplicas([one, two]).pipe(numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'weighs each replica by its micro-batch, and one without weight not at all',
    marbles((m) => {
      const one = m.cold('     a|', { a: step(1, 1, 3) });
      const two = m.cold('     a|', { a: step(1, 5, 1) });
      const three = m.cold('   a|', { a: step(1, NaN, 0) });
      const expected = m.cold('x|', { x: says(2, 4) });

      m.expect(mergeReplicas([one, two, three]).pipe(numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'puts what comes out of order in order',
    marbles((m) => {
      const one = m.cold('     b-a---c|', { a: step(1, 1), b: step(2, 2), c: step(3, 3) });
      const two = m.cold('     a-b-c--|', { a: step(1, 3), b: step(2, 4), c: step(3, 5) });
      const expected = m.cold('--(xy)z|', { x: says(2), y: says(3), z: says(4) });

      m.expect(mergeReplicas([one, two]).pipe(numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'goes on without a replica that has completed',
    marbles((m) => {
      const one = m.cold('     a-b|', { a: step(1, 1), b: step(2, 2) });
      const two = m.cold('     a|', { a: step(1, 3) });
      const expected = m.cold('x-y|', { x: says(2), y: says(2, 1) });

      m.expect(mergeReplicas([one, two]).pipe(numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'sends an error that names ranks and micro-step when one is missing as it is due',
    marbles((m) => {
      const one = m.cold('     a---', { a: step(1, 1) });
      const error = new ReplicaError('mergeReplicas: every rank must deliver micro-step 1 in time, missing 1', [1], 1);
      const expected = m.cold('---#', {}, error);

      m.expect(mergeReplicas([one, NEVER], { due: () => m.cold('---x') }).pipe(numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'skips a replica that is missing, if asked to, and disposes what comes too late',
    marbles((m) => {
      const one = m.cold('     a----b|', { a: step(1, 1), b: step(2, 2) });
      const two = m.cold('     ----ab|', { a: step(1, 3), b: step(2, 4) });
      const expected = m.cold('---x-y|', { x: says(1, 1), y: says(3) });

      m.expect(
        mergeReplicas([one, two], { due: () => m.cold('---x'), missing: 'skip' }).pipe(numbersOf()),
      ).toBeObservable(expected);
    }),
  );

  it(
    'drains in order what is left when a step was lost everywhere',
    marbles((m) => {
      const one = m.cold('     ab|', { a: step(1, 1), b: step(3, 2) });
      const expected = m.cold('x-(z|)', { x: says(1, 1), z: says(2, 1) });

      m.expect(mergeReplicas([one]).pipe(numbersOf())).toBeObservable(expected);
    }),
  );

  it(
    'frees what it holds when a replica fails and when it is unsubscribed',
    marbles((m) => {
      const one = m.cold('     a-', { a: step(1, 1) });
      const failing = m.cold(' --#');
      const other = m.cold('   a-', { a: step(1, 1) });

      m.expect(mergeReplicas([one, failing]).pipe(numbersOf())).toBeObservable('--#');
      m.expect(mergeReplicas([other, NEVER]).pipe(numbersOf()), '--!').toBeObservable('---');
    }),
  );

  it('reduces each metric as it declares, and refuses a reducer that it cannot run on the device', () => {
    const reducers = { s: sum, m: max, l: last };
    const make = (value: number) => of(microStep({ metrics: { s: value, m: value, l: value }, reducers }));
    const seen: number[] = [];
    mergeReplicas([make(1), make(4), make(2)]).subscribe((merged) => {
      seen.push(...Object.values(merged.metrics).map((scalar) => scalar.dataSync()[0]!), merged.worldSize);
      disposeTensors(merged);
    });
    let error: unknown;
    const median = () => 0;
    const odd = () => of(microStep({ metrics: { m: 1 }, reducers: { m: median } }));
    mergeReplicas([odd(), odd()]).subscribe({ error: (e) => (error = e) });

    expect(seen).toStrictEqual([7, 4, 2, 3]);
    expect(error).toBeInstanceOf(ArgumentError);
  });

  it('makes each source wait until its micro-step is through, and what comes behind as well', async () => {
    const waits: string[] = [];
    const inRun = (name: string, s: MicroStep): MicroStep => ({
      ...s,
      [RUN]: { waitUntil: (promise) => (waits.push(name), void promise.then(() => waits.push(`${name} free`))) },
    });
    const sources = [new Subject<MicroStep>(), new Subject<MicroStep>()];
    mergeReplicas(sources).pipe(numbersOf()).subscribe();
    sources[0]!.next(inRun('a', step(1, 1)));
    await Promise.resolve();
    expect(waits).toStrictEqual(['a']);
    sources[1]!.next(inRun('b', step(1, 1)));
    await Promise.resolve();
    expect(waits.sort()).toStrictEqual(['a', 'a free', 'b', 'b free']);
  });

  it('ends every source when what comes behind ends the run', () => {
    const ended: string[] = [];
    const inRun = (name: string): MicroStep => ({
      ...step(1, 1),
      [RUN]: { end: ({ reason }) => void ended.push(`${name} ${reason}`) },
    });
    mergeReplicas([of(inRun('a')), of(inRun('b'))])
      .pipe(
        tap((merged) => merged[RUN]!.end!({ reason: 'steps' })),
        numbersOf(),
      )
      .subscribe();

    expect(ended).toStrictEqual(['a steps', 'b steps']);
  });

  it('says the oldest weights that its gradients come from', () => {
    const seen: number[] = [];
    const at = (globalStep: number) => of(microStep({ globalStep }));
    mergeReplicas([at(4), at(3), at(5)])
      .pipe(numbersOf())
      .subscribe(({ globalStep }) => seen.push(globalStep));

    expect(seen).toStrictEqual([3]);
  });

  it('errors when a replica delivers a micro-step twice', () => {
    const source = new Subject<MicroStep>();
    let error: unknown;
    mergeReplicas([source, NEVER]).subscribe({ error: (e) => (error = e) });
    source.next(step(1, 1));
    source.next(step(1, 1));

    expect(error).toMatchObject({ name: 'ReplicaError', ranks: [0], microStep: 1 });
  });

  it('goes on from a snapshot of its first replica, as if it had never been cut', async () => {
    const stages = async (onBatch: (value: InRun) => void, from?: Checkpoint) => {
      const model = line();
      const replica$ = (rank: number) =>
        fromPull(
          Array.from({ length: 6 }, (_, i) => batchOf(samples(1, 2 * i + rank))),
          from ? { from } : {},
        ).pipe(
          tap((value) => rank === 0 && onBatch(value)),
          forward(model, squaredError),
          backward(),
        );
      const events = await lastValueFrom(
        mergeReplicas([replica$(0), replica$(1)]).pipe(
          accumulate(2),
          optimizerStep(adam({ learningRate: 0.05 })),
          readback(),
          toArray(),
        ),
      );
      const weights = model.read();
      model.dispose();
      return { events: events.map(({ [RUN]: _, ...event }) => event), weights };
    };
    const cuts: Promise<Checkpoint>[] = [];
    const whole = await stages((value) =>
      cuts.push(value[RUN]!.state!.snapshot().then((snapshot) => readSnapshot(snapshot!))),
    );
    for (const cut of (await Promise.all(cuts)).slice(0, -1)) {
      const rest = await stages(() => undefined, cut);
      expect(rest.events).toStrictEqual(whole.events.slice(cut.globalStep));
      expect(rest.weights).toStrictEqual(whole.weights);
    }
  });

  it('rejects an empty list of replicas', () => {
    expect(() => mergeReplicas([])).toThrow(ArgumentError);
  });
});
