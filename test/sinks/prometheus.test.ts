import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Registry } from 'prom-client';
import { concat, from, lastValueFrom, NEVER, of, take } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { tee } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { prometheus } from '../../src/sinks/prometheus.js';
import { stepEvent, validationEvent } from '../../src/testing/steps.js';
import { sinkContract, wholeRun } from './contract.js';

type Scraped = Record<string, number>;

/** Prometheus' text format: a sample a line, comments before it. */
function parsed(text: string): Scraped {
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const [, series, value] = /^([a-z_]+\{.*\}) (\S+)$/.exec(line) ?? [];
    if (series === undefined) throw new Error(`must be a sample, received ${line}`);
    return [series, Number(value!.replace('Inf', 'Infinity').replace('Nan', 'NaN'))] as const;
  }); // prettier-ignore
  return Object.fromEntries(samples);
}

/** What is to be seen after these events, and no more to come. */
function seenAfter(events: readonly TrainingEvent[]): Scraped {
  const seen: Scraped = {};
  const put = (series: string, value: number | undefined, name?: string): void => {
    if (value !== undefined)
      seen[`gradstream_${series}{run="default"${name === undefined ? '' : `,name="${name}"`}}`] = value;
  };
  const steps = events.filter((event) => event.type === 'step');
  const validations = events.filter((event) => event.type === 'validation');
  const checkpoints = events.filter(({ type }) => type === 'checkpoint').length;
  const placed = events.filter(({ type }) => ['step', 'validation', 'checkpoint'].includes(type)).at(-1)!;
  const [step, validation] = [steps.at(-1)!, validations.at(-1)];
  put('running', 0);
  put('global_step', placed.globalStep);
  put('epoch', placed.epoch);
  put('loss', step.loss);
  put('metric', step.metrics['accuracy'], 'accuracy');
  put('ema', step.ema['loss'], 'loss');
  put('learning_rate', step.learningRate);
  put('gradient_norm', step.gradientNorm);
  put('samples_per_second', step.samplesPerSecond);
  put('steps_total', steps.length);
  put('samples_total', steps.reduce((sum, { samples }) => sum + samples, 0)); // prettier-ignore
  put('non_finite_steps_total', steps.filter(({ nonFinite }) => nonFinite).length);
  put('validation_loss', validation?.loss);
  put('validation_metric', validation?.metrics['accuracy'], 'accuracy');
  put('ema', validation?.ema['validation.loss'], 'validation.loss');
  if (checkpoints > 0) put('checkpoints_total', checkpoints);
  return seen;
}

sinkContract('prometheus', {
  make: () => {
    const registry = new Registry();
    return { sink: () => prometheus({ registry }), read: async () => parsed(await registry.metrics()) };
  },
  holds: seenAfter,
  goesOn: false,
});

describe('prometheus', () => {
  it('can be scraped by HTTP while the run goes on', async () => {
    const kept = prometheus({ run: 'a "run"' });
    const server = createServer((_, response) => {
      void kept.registry
        .metrics()
        .then((text) => response.setHeader('content-type', kept.registry.contentType).end(text));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const running = concat(of(stepEvent(7, { loss: 0.25, samples: 32 })), NEVER)
      .pipe(tee(kept))
      .subscribe();
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
    const text = await response.text();
    running.unsubscribe();
    server.close();
    server.closeAllConnections();

    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(text).toContain('# TYPE gradstream_loss gauge\n');
    expect(text).toContain('# TYPE gradstream_samples_total counter\n');
    expect(parsed(text)).toMatchObject({
      'gradstream_loss{run="a \\"run\\""}': 0.25,
      'gradstream_samples_total{run="a \\"run\\""}': 32,
      'gradstream_global_step{run="a \\"run\\""}': 7,
      'gradstream_running{run="a \\"run\\""}': 1,
    });
    expect(parsed(text)).not.toHaveProperty('gradstream_validation_loss{run="a \\"run\\""}');
    expect(parsed(await kept.registry.metrics())).toMatchObject({ 'gradstream_running{run="a \\"run\\""}': 0 });
  });

  it('has runs side by side in a registry, and each begins without what the one before it has left', async () => {
    const registry = new Registry();
    const one = prometheus({ run: 'one', registry });
    const other = prometheus({ run: 'other', registry });
    await lastValueFrom(from(wholeRun).pipe(tee(one)));
    await lastValueFrom(from([stepEvent(1, { samples: 3 }), validationEvent(1, { loss: 9 })]).pipe(tee(other)));
    await lastValueFrom(from([stepEvent(1, { samples: 5 })]).pipe(tee(one)));
    const seen = parsed(await registry.metrics());

    expect(seen['gradstream_samples_total{run="one"}']).toBe(5);
    expect(seen).not.toHaveProperty('gradstream_validation_loss{run="one"}');
    expect(seen['gradstream_validation_loss{run="other"}']).toBe(9);
  });

  it('says the newest, and all that has been counted, whenever it is asked, of all runs in a registry', async () => {
    const registry = new Registry();
    const runs = ['one', 'other'].map((run) => prometheus({ run, registry }));
    for (const [i, { next }] of runs.entries())
      for (const n of [1, 2, 3])
        await next(stepEvent(n, { loss: n / 10 + i, samples: 10 + i, ema: { loss: n + i }, ...(n > 1 && { gradientNorm: n }) })); // prettier-ignore
    const expected = (run: string, i: number): Scraped => ({
      [`gradstream_loss{run="${run}"}`]: 0.3 + i,
      [`gradstream_ema{run="${run}",name="loss"}`]: 3 + i,
      [`gradstream_gradient_norm{run="${run}"}`]: 3,
      [`gradstream_steps_total{run="${run}"}`]: 3,
      [`gradstream_samples_total{run="${run}"}`]: 30 + 3 * i,
    });

    expect(parsed(await registry.getSingleMetricAsString('gradstream_loss'))).toMatchObject({
      'gradstream_loss{run="one"}': 0.3,
    });
    for (const _ of ['asked', 'asked again'])
      expect(parsed(await registry.metrics())).toMatchObject({ ...expected('one', 0), ...expected('other', 1) });
    await runs[0]!.next(stepEvent(4, { samples: 5 }));
    expect(parsed(await registry.metrics())['gradstream_samples_total{run="one"}']).toBe(35);
  });

  it('says how many steps it was not given', async () => {
    const kept = prometheus();
    await kept.dropped!(3);
    await lastValueFrom(of(stepEvent(9)).pipe(tee(kept), take(1)));

    expect(parsed(await kept.registry.metrics())['gradstream_dropped_steps_total{run="default"}']).toBe(3);
  });
});
