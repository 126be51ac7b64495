import * as tf from '@tensorflow/tfjs';
import { firstValueFrom, NEVER, Subject, tap, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { spiralRun } from '../../examples/spirals.js';
import { steered, type Controls } from '../../examples/steered.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { adamw } from '../../src/optim/adamw.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { marbles } from '../support/marbles.js';

const step = (globalStep: number, loss: number) => stepEvent(globalStep, { ema: { loss } });

describe('the steered run', () => {
  it(
    'is one stream of lines: its own, and one for each tick while it runs',
    marbles((m) => {
      const events: Record<string, TrainingEvent> = {
        ...{ 1: step(1, 0.5), 2: step(2, 0.25), V: validationEvent(2, { metrics: { accuracy: 0.9 } }) },
        E: { type: 'end', globalStep: 2, epoch: 1, reason: 'steps' },
      };
      const lines = {
        ...{ a: 'step 1: loss 0.500', b: 'step 2: loss 0.250' },
        ...{ v: 'step 2: accuracy 0.900', e: 'step 2: the end (steps)' },
      };
      const run$ = m.hot('    ---1---2V---(E|)', events);
      const tick$ = m.hot('   -t---t----t-----t');
      const ticks = '         ^-----------!';
      const expected = m.cold('-----a--v-b-(e|)', lines);

      m.expect(steered(() => run$, { key$: NEVER, tick$, end$: NEVER })).toBeObservable(expected);
      m.expect(tick$).toHaveSubscriptions(ticks);
    }),
  );

  it(
    'is given the learning rate that keys make, and what ends it',
    marbles((m) => {
      const key$ = m.hot('  --u-d--q-x-', { u: '+', d: '-', q: 'q', x: 'x' });
      const end$ = m.hot('  ----e------');
      const rates = m.cold('a-b-c------', { a: 0.01, b: 0.02, c: 0.01 });
      const stops = m.cold('----e--q---');
      const given: Controls[] = [];
      const lines$ = steered(
        (controls) => {
          given.push(controls);
          return NEVER;
        },
        { key$, tick$: NEVER, end$ },
      );

      m.expect(lines$).toBeObservable('-');
      m.expect(given[0]!.learningRate$).toBeObservable(rates);
      m.expect(given[0]!.stop$).toBeObservable(stops);
    }),
  );

  it('trains with the rate that is changed, pauses between two steps, and ends when it is told to', async () => {
    const key$ = new Subject<string>();
    const tick$ = new Subject<void>();
    const lines: string[] = [];
    const run = ({ learningRate$, stop$ }: Controls): Observable<TrainingEvent> =>
      spiralRun(tf, { optimizer: adamw({ learningRate: learningRate$ }), until: stop$ });

    /** While it is paused, two ticks say the same. */
    const lookTwice = async (): Promise<void> => {
      for (let i = 0; i < 2; i += 1) {
        await new Promise((resolve) => setTimeout(resolve, 60));
        tick$.next();
      }
      key$.next(' ');
    };
    const presses: Record<string, () => unknown> = {
      25: () => key$.next('-'),
      50: () => (key$.next(' '), lookTwice()),
      75: () => key$.next('q'),
    };
    const lines$ = steered(run, { key$, tick$, end$: NEVER }).pipe(
      tap((line) => {
        lines.push(line);
        presses[/^step (\d+): accuracy/.exec(line)?.[1] ?? '']?.();
      }),
      toArray(),
    );
    const said = await firstValueFrom(lines$);
    const at50 = lines.indexOf(said.find((line) => line.startsWith('step 50:'))!);

    expect(said.filter((line) => line.includes('learningRate'))).toStrictEqual(['step 26: learningRate is now 0.005']);
    expect(said.slice(at50 + 1, at50 + 3)).toStrictEqual(Array(2).fill(expect.stringMatching(/^step 50: loss/)));
    expect(said[at50 + 1]).toBe(said[at50 + 2]);
    expect(said.at(-1)).toBe('step 75: the end (until)');
  });
});
