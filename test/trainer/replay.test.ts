import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { firstValueFrom, lastValueFrom, map, pipe, tap, timer, toArray, type Observable } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { ema } from '../../operators/ema.js';
import { logEvery } from '../../operators/logEvery.js';
import { tee } from '../../operators/tee.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { SourceError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { RUN } from '../../src/core/run.js';
import { adam } from '../../src/optim/adam.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';
import { replay } from '../../src/trainer/replay.js';
import { train } from '../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../support/line.js';

/** All events, without the run that they travel with. */
const all = (event$: Observable<TrainingEvent>): Promise<TrainingEvent[]> =>
  lastValueFrom(
    event$.pipe(
      map(({ [RUN]: _, ...event }) => event as TrainingEvent),
      toArray(),
    ),
  );
const textOf = (events: readonly TrainingEvent[]): string => events.map((event) => `${eventLine(event)}\n`).join('');

const changed: TrainingEvent = { type: 'change', globalStep: 2, epoch: 1, what: 'learningRate', from: 0.1, to: 0 };
const ended: TrainingEvent = { type: 'end', globalStep: 2, epoch: 1, reason: 'epochs' };
const events = [stepEvent(1), changed, stepEvent(2, { changes: [changed] }), validationEvent(2), ended].map(
  (event, i) => (i === 2 ? stepEvent(2) : event),
);

describe('replay', () => {
  it('gives what another average and another cadence would have given in the run itself', async () => {
    const options = { loss: squaredError, optimizer: adam({ learningRate: 0.05 }), accumulate: 2, epochs: 3 };
    const run = (model: ReturnType<typeof line>) =>
      train(model, batchesOf([2, 1, 2, 1, 1]), options).pipe(validateEvery(4, () => batchesOf([3])));
    const after = pipe(
      ema<TrainingEvent>('loss', { alpha: 0.5 }),
      ema<TrainingEvent>('validation.loss', { alpha: 0.5 }),
      logEvery<TrainingEvent>(2),
    );
    let text = '';
    const [first, second] = [line(), line()];
    await lastValueFrom(
      run(first).pipe(
        ema('loss', { alpha: 0.02 }),
        tee((event) => void (text += `${eventLine(event)}\n`)),
      ),
    );
    const live = await all(run(second).pipe(after));
    first.dispose();
    second.dispose();

    expect(live).toHaveLength(4 + 2 + 1);
    expect(await all(replay([text]).pipe(after))).toStrictEqual(live);
  });

  it('gives every number as it was, NaN, the infinities and −0 too (property)', async () => {
    const real = fc.double();
    const values = fc.record(
      {
        loss: real,
        weight: real,
        metrics: fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), real, { noNullPrototype: true }),
      },
      { noNullPrototype: true },
    );
    const step = fc.record({ loss: real, learningRate: real, samplesPerSecond: real, gradientNorm: real, microBatches: fc.array(values) }, { noNullPrototype: true }); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1 }), fc.array(fc.nat(40)), async (steps, cuts) => {
        const recorded = steps.map((differing, i) => stepEvent(i, { ...differing, ema: { loss: differing.loss } }));
        const bytes = new TextEncoder().encode(textOf(recorded));
        let at = 0;
        const chunks = cuts.map((length) => bytes.subarray(at, (at += length)));
        expect(await all(replay([...chunks, bytes.subarray(at)]))).toStrictEqual(recorded);
      }),
      { numRuns: 50 },
    );
  });

  it('reads a file, gives every kind of event, and passes on kinds that it does not know', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gradstream-'));
    const path = join(folder, 'run.jsonl');
    const other = { type: 'odd', globalStep: 3, epoch: 1, note: 'NaN' } as unknown as TrainingEvent;
    const newer = { ...stepEvent(3), extra: [1] } as TrainingEvent;
    writeFileSync(path, textOf([...events, other, newer]).replace('\n', '\n\n'));

    expect(await all(replay(path))).toStrictEqual([...events, other, newer]);
    rmSync(folder, { recursive: true });
  });

  it('leaves out a last line that was cut off anywhere, and says so', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const text = textOf(events);
    const begin = text.trimEnd().lastIndexOf('\n') + 1;
    for (let end = begin + 1; end < text.length - 1; end += 7)
      expect(await all(replay([text.slice(0, end)]))).toStrictEqual(events.slice(0, -1));

    expect(warned).toHaveBeenCalledTimes(Math.ceil((text.length - 2 - begin) / 7));
    expect(warned.mock.calls[0]![0]).toMatch('line 5 is not: ');
    expect(warned.mock.calls[0]![0]).toMatch('it is the last, and cut off: 4 events were whole');
    warned.mockClear();
    expect(await all(replay([text.trimEnd()]))).toStrictEqual(events);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  it.each([
    ['broken before the end', '{"type":"st\n', 'line 2 is not'],
    ['of another shape', '[1]\n', 'line 2 is not: type: '],
    ['without its step', '{"type":"end","epoch":1,"reason":"steps"}\n', 'globalStep'],
    [
      'with text for a number',
      `${eventLine(stepEvent(1)).replace('"loss":0', '"loss":"low"')}\n`,
      'line 2 is not: loss: ',
    ],
    ['null', 'null\n', 'line 2 is not'],
  ])('errors on a line that is %s, after the events before it', async (_, broken, message) => {
    const seen: TrainingEvent[] = [];
    const error: unknown = await lastValueFrom(
      replay([`${eventLine(events[0]!)}\n`, broken, `${eventLine(events[1]!)}\n`]).pipe(
        tap((event) => seen.push(event)),
      ),
    ).catch((e: unknown) => e);

    expect(error).toBeInstanceOf(SourceError);
    expect(error).toMatchObject({ batch: 1, message: expect.stringContaining(message) as string });
    expect(seen).toHaveLength(1);
  });

  it('errors on a last line that is no event, if it was not cut off', async () => {
    await expect(all(replay([`${eventLine(stepEvent(1))}\n[1]`]))).rejects.toThrow('line 2 is not: type: ');
  });

  it('errors on a text without an event', async () => {
    await expect(all(replay(['\n']))).rejects.toThrow('replay: the text must hold an event, received none');
  });

  it('reads on only when a slow sink is through, and closes the source when it is unsubscribed', async () => {
    let [asked, closed] = [0, false];
    async function* source() {
      try {
        for (const event of events) {
          asked += 1;
          yield `${eventLine(event)}\n`;
        }
      } finally {
        closed = true;
      }
    }
    await firstValueFrom(replay(source()).pipe(tee(() => timer(1))));
    await vi.waitFor(() => expect(closed).toBe(true));
    expect(asked).toBe(1);
  });
});
