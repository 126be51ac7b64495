import { lastValueFrom, NEVER, of, Subject, tap, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { accumulate } from '../../operators/accumulate.js';
import { backward } from '../../operators/backward.js';
import { forward } from '../../operators/forward.js';
import { mergeReplicas, type MergeReplicasOptions } from '../../operators/mergeReplicas.js';
import { optimizerStep } from '../../operators/optimizerStep.js';
import { readback } from '../../operators/readback.js';
import { disposeTensors } from '../../src/core/batch.js';
import { ArgumentError, ReplicaError } from '../../src/core/errors.js';
import { last, max, sum } from '../../src/core/metric.js';
import { fromPull } from '../../src/core/fromPull.js';
import { readSnapshot } from '../../src/core/readSnapshot.js';
import { nextTurn } from '../../src/core/nextTurn.js';
import { EPOCH_END, RUN, withEnds, type InRun, type Run } from '../../src/core/run.js';
import type { Checkpoint } from '../../src/core/snapshot.js';
import { adam } from '../../src/optim/adam.js';
import { numbersOf } from '../../src/testing/numbersOf.js';
import { microStep } from '../../src/testing/steps.js';
import type { MicroStep } from '../../src/core/values.js';
import { batchOf, line, samples, squaredError } from '../support/line.js';
import { marbles } from '../support/marbles.js';
import { statefulRun } from '../support/state.js';

const step = (n: number, value: number, weight = 1) =>
  microStep({ microStep: n, loss: value, gradients: [value], weight });
const says = (value: number, weight = 2) => ({ losses: [value], gradients: [value], weight, globalStep: 0 });

/** Runs of so many replicas that say their epochs' ends and their own: `epochEnd$` and `end$` of each, and for whom its source waits. */
const said = (count: number) =>
  Array.from({ length: count }, () => {
    const [epochEnd$, end$] = [new Subject<void>(), new Subject<void>()];
    let waits = 0;
    let ended: 'over' | 'stopped' | undefined;
    const asked: string[] = [];
    const run: Run = {
      epochEnd$,
      end$,
      ended: () => ended,
      end: ({ reason }) => void asked.push(reason),
      giveBack: () => void asked.push('give back'),
      hold: () => {
        waits += 1;
        return () => void (waits -= 1);
      },
    };
    return {
      run,
      asked,
      isWaiting: async () => (await nextTurn(), waits > 0),
      gives: (n: number) => ({ ...step(n, 1), [RUN]: run }),
      endEpoch: () => epochEnd$.next(),
      end: (how: 'over' | 'stopped') => ((ended = how), end$.next()),
    };
  });
/** What merged values are given, and told of, in turn: '1' for a micro-step, 'E' for an epoch's end, '|' for the end. */
function heard(sources: readonly Observable<MicroStep>[], options?: MergeReplicasOptions): string[] {
  const seen: string[] = [];
  mergeReplicas(sources, options)
    .pipe(withEnds())
    .subscribe({
      next: (value) => {
        if (typeof value === 'symbol') seen.push(value === EPOCH_END ? 'E' : '|');
        else {
          seen.push(`${value[RUN]!.isRepeat!() ? 'repeat ' : ''}${value.microStep}`);
          disposeTensors(value);
        }
      },
      error: (error: Error) => seen.push(error.message),
      complete: () => seen.push('complete'),
    });
  return seen;
}

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
      [RUN]: { hold: () => (waits.push(name), () => void waits.push(`${name} free`)) },
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

  describe('where epochs end', () => {
    const begin = (count: number, options?: MergeReplicasOptions) => {
      const [replicas, sources] = [said(count), Array.from({ length: count }, () => new Subject<MicroStep>())];
      const seen = heard(sources, options);
      const give = (n: number, ...ranks: number[]) =>
        ranks.forEach((rank) => sources[rank]!.next(replicas[rank]!.gives(n)));
      return { replicas, sources, seen, give };
    };

    it(
      'begins an epoch when all have ended the one before',
      marbles((m) => {
        const inEpochs = (ends: string): Run => ({ epochEnd$: m.hot(ends, { x: undefined }) });
        const [short, long] = [inEpochs('  --x'), inEpochs('------x')];
        const one = m.cold('              -a------b-c|', { a: { ...step(1, 1), [RUN]: short }, b: { ...step(4, 2), [RUN]: short }, c: { ...step(5, 2), [RUN]: short } }); // prettier-ignore
        const two = m.cold('              -a-b-c-d---|', { a: { ...step(1, 3), [RUN]: long }, b: { ...step(2, 4), [RUN]: long }, c: { ...step(3, 4), [RUN]: long }, d: { ...step(4, 6), [RUN]: long } }); // prettier-ignore
        const expected = m.cold('         -x-b-c--y--(z|)', { x: says(2), b: says(4, 1), c: says(4, 1), y: says(4), z: says(2, 1) }); // prettier-ignore

        m.expect(mergeReplicas([one, two]).pipe(numbersOf())).toBeObservable(expected);
      }),
    );

    it('holds each replica until the epoch of all of them is over, then tells of it once', async () => {
      const { replicas, seen, give } = begin(3);
      give(1, 0, 1, 2);
      for (const rank of [1, 0]) {
        replicas[rank]!.endEpoch();
        expect(await replicas[rank]!.isWaiting()).toBe(true);
      }
      expect(seen).toStrictEqual(['1']);
      replicas[2]!.endEpoch();
      expect(seen).toStrictEqual(['1', 'E']);
      for (const { isWaiting } of replicas) expect(await isWaiting()).toBe(false);
      give(2, 0, 1);
      expect(seen).toStrictEqual(['1', 'E']);
      give(2, 2);
      expect(seen).toStrictEqual(['1', 'E', '2']);
    });

    it('does not wait for one with fewer micro-batches, which catches up with the next epoch', async () => {
      const { replicas, seen, give } = begin(2);
      give(1, 0, 1);
      give(2, 0);
      replicas[1]!.endEpoch();
      give(3, 0);
      expect(seen).toStrictEqual(['1', '2', '3']);
      expect(await replicas[1]!.isWaiting()).toBe(true);
      replicas[0]!.endEpoch();
      give(4, 0);
      expect(seen).toStrictEqual(['1', '2', '3', 'E']);
      give(4, 1);
      expect(seen).toStrictEqual(['1', '2', '3', 'E', '4']);
    });

    it('goes on without one that has no more epochs; its end waits for the end of all', async () => {
      const { replicas, sources, seen, give } = begin(2);
      give(1, 0, 1);
      replicas[0]!.endEpoch();
      replicas[1]!.endEpoch();
      replicas[1]!.end('over');
      expect(await replicas[1]!.isWaiting()).toBe(true);
      give(2, 0);
      replicas[0]!.endEpoch();
      expect(seen).toStrictEqual(['1', 'E', '2', 'E']);
      replicas[0]!.end('over');
      expect(seen.splice(4)).toStrictEqual(['|']);
      for (const { isWaiting } of replicas) expect(await isWaiting()).toBe(false);
      sources.forEach((source) => source.complete());
      expect(seen.splice(4)).toStrictEqual(['complete']);
    });

    it('goes on without one that completes and has said nothing, and waits for none that says nothing', () => {
      const { replicas, sources, seen, give } = begin(2);
      give(1, 0);
      sources[1]!.complete();
      replicas[0]!.endEpoch();
      expect(seen).toStrictEqual(['1', 'E']);

      const silent = begin(2);
      silent.give(1, 0);
      silent.sources[1]!.next(step(1, 1));
      silent.replicas[0]!.endEpoch();
      silent.sources[1]!.next(step(2, 1));
      silent.give(2, 0);
      expect(silent.seen).toStrictEqual(['1', 'E', '2']);
    });

    it.each(['stopped', 'failing'])(
      'ends all when one is %s; what not all have delivered is given back',
      async (how) => {
        const { replicas, sources, seen, give } = begin(3);
        give(1, 0, 1, 2);
        give(2, 0);
        replicas[1]!.end('stopped');
        expect(replicas.map(({ asked }) => asked)).toStrictEqual([['until', 'give back'], ['until'], ['until']]);
        expect(await replicas[0]!.isWaiting()).toBe(false);
        give(2, 2);
        expect(replicas[2]!.asked).toStrictEqual(['until', 'until', 'give back']);
        replicas[0]!.end('stopped');
        expect(seen).toStrictEqual(['1']);
        expect(await replicas[1]!.isWaiting()).toBe(true);
        replicas[2]!.end('stopped');
        expect(seen.splice(0)).toStrictEqual(['1', '|']);
        expect(await replicas[1]!.isWaiting()).toBe(false);
        if (how === 'failing') sources[1]!.error(new Error('disk gone'));
        else sources.forEach((source) => source.complete());
        expect(seen).toStrictEqual([how === 'failing' ? 'disk gone' : 'complete']);
      },
    );

    it('ends all when one is stopped that has given nothing yet, whether it is told of first or last', () => {
      for (const isFirst of [true, false]) {
        const { replicas, sources, seen, give } = begin(2);
        Object.assign(replicas[0]!.run, { endReason: () => ({ reason: 'until' }) });
        if (isFirst) sources[1]!.complete();
        give(1, 0);
        if (!isFirst) sources[1]!.complete();
        expect(replicas[0]!.asked).toStrictEqual(['until', 'give back']);
        expect(seen).toStrictEqual([]);
      }
    });

    it('frees what it holds when one is unsubscribed from, or fails, while another waits at its epoch’s end', () => {
      const { replicas, sources, seen, give } = begin(2);
      give(1, 0, 1);
      give(2, 0);
      replicas[1]!.endEpoch();
      give(3, 0);
      sources[0]!.error(new Error('disk gone'));
      expect(seen).toStrictEqual(['1', '2', '3', 'disk gone']);
      expect(sources.map(({ observed }) => observed)).toStrictEqual([false, false]);
      expect(replicas.map(({ run }) => (run.epochEnd$ as Subject<void>).observed)).toStrictEqual([false, false]);
    });

    it('hands on one of the values that are repeated, once all replicas are known, and tells of that end', async () => {
      const { replicas, seen, give } = begin(2);
      const repeating = (is: boolean) => replicas.forEach(({ run }) => Object.assign(run, { isRepeat: () => is }));
      repeating(true);
      give(0, 1);
      expect(seen).toStrictEqual([]);
      give(0, 0);
      expect(seen).toStrictEqual(['repeat 0']);
      repeating(false);
      replicas.forEach(({ endEpoch }) => endEpoch());
      expect(seen).toStrictEqual(['repeat 0', 'E']);
      for (const { isWaiting } of replicas) expect(await isWaiting()).toBe(false);
      give(1, 0, 1);
      expect(seen).toStrictEqual(['repeat 0', 'E', '1']);
    });

    it('frees a repeated value that is not handed on', () => {
      const { replicas, sources, seen, give } = begin(2);
      replicas.forEach(({ run }) => Object.assign(run, { isRepeat: () => true }));
      give(0, 0);
      sources[0]!.error(new Error('disk gone'));
      expect(seen).toStrictEqual(['disk gone']);
    });
  });

  it('goes on from the micro-step that was due, and not back when a late replica comes', () => {
    const late = () => statefulRun({ mergeReplicas: { data: { next: 3 } } }).run;
    const [runs, sources] = [
      [late(), late()],
      [new Subject<MicroStep>(), new Subject<MicroStep>()],
    ] as const;
    const seen = heard([...sources], { due: () => of(0), missing: 'skip' });
    for (const n of [2, 3, 4]) sources[0].next({ ...step(n, 1), [RUN]: runs[0]! });
    for (const n of [3, 4, 5]) sources[1].next({ ...step(n, 1), [RUN]: runs[1]! });

    expect(seen).toStrictEqual(['3', '4', '5']);
    sources.forEach((source) => source.complete());
  });

  it('rejects an empty list of replicas', () => {
    expect(() => mergeReplicas([])).toThrow(ArgumentError);
  });
});
