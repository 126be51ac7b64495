import { PassThrough } from 'node:stream';
import { from, lastValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { tee } from '../../operators/tee.js';
import { ArgumentError } from '../../src/core/errors.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { progressBar } from '../../src/sinks/progressBar.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';

/** What is written to a stream that says it is a terminal, or not. */
async function written(events: TrainingEvent[], options: { steps?: number }, isTTY: boolean): Promise<string> {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY, columns: 100, rows: 30 });
  await lastValueFrom(
    from(events).pipe(tee(progressBar({ ...options, stream: stream as unknown as NodeJS.WriteStream }))),
  );
  return (stream.read() as string | null) ?? '';
}

const first = stepEvent(1, { loss: 2, samples: 64, samplesPerSecond: 1000, ema: { loss: 2.345678 } });
const last = stepEvent(200, { loss: 0.5, samples: 64 });
const validation = validationEvent(100, { loss: 0.25, metrics: { accuracy: 0.9512345 } });
const end: TrainingEvent = { type: 'end', globalStep: 200, epoch: 1, reason: 'epochs' };

describe('progressBar', () => {
  it('prints plain lines where there is no terminal: the first, the last, and every validation', async () => {
    const lines = await written([first, stepEvent(2), validation, last, end], { steps: 200 }, false);

    expect(lines.trimEnd().split('\n')).toStrictEqual([
      'step   1/200  loss 2.346  1000 samples/s  0:13 left',
      'step 100  validation  loss 0.2500  accuracy 0.9512',
      'step 200/200  loss 0.5000',
    ]);
  });

  it('knows neither a bar nor a time left without the number of steps', async () => {
    expect(await written([first], {}, false)).toBe('step 1  loss 2.346  1000 samples/s\n');
  });

  it('draws a bar on a terminal, over the last one, with validations above it', async () => {
    const text = await written([first, validation, last, end], { steps: 200 }, true);
    // eslint-disable-next-line no-control-regex -- what a terminal understands
    const plain = text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');

    expect(plain).toContain('▕████████████████████████▏ 100 %');
    expect(plain).toContain('step 100  validation');
    expect(text).toContain('\u001b[');
  });

  it('refuses a number of steps that is none', () => {
    expect(() => progressBar({ steps: 0 })).toThrow(ArgumentError);
  });
});
