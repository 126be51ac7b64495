import { afterAll, beforeAll, describe } from 'vitest';

import type { TrainingEvent } from '../../../src/core/events.js';
import { mlflow } from '../../../src/sinks/mlflow/mlflow.js';
import { sinkContract } from '../contract.js';
import { missing, startMlflow, type Mlflow } from './server.js';

describe.skipIf(missing)(`on a server${missing}`, () => {
  let server!: Mlflow;
  let experiments = 0;
  beforeAll(async () => {
    server = await startMlflow();
  }, 60_000);
  afterAll(async () => (server as Mlflow | undefined)?.stop());

  sinkContract('mlflow', {
    make: () => {
      const experiment = `experiment ${++experiments}`;
      return {
        sink: () => mlflow({ url: server.url, delayMs: 10 }, experiment),
        read: () => numbersOf(experiment),
        open: () => unfinished(experiment),
      };
    },
    holds,
    // Numbers are never taken back there: steps that are trained twice are twice.
    goesOn: false,
  });

  async function newest(experiment: string): Promise<any> {
    const found = await server.get(`mlflow/experiments/get-by-name?experiment_name=${experiment}`);
    const id = found.experiment?.experiment_id as string;
    return (await server.get('mlflow/runs/search', { experiment_ids: [id], order_by: ['attributes.start_time DESC'] })).runs[0]; // prettier-ignore
  }
  async function numbersOf(experiment: string): Promise<unknown> {
    const { info, data } = await newest(experiment);
    const names = (data.metrics ?? []).map(({ key }: any) => key as string).sort();
    const all: Record<string, unknown> = {};
    for (const name of names) {
      const path = `mlflow/metrics/get-history?run_id=${info.run_id}&metric_key=${name}`;
      all[name] = (await server.get(path)).metrics.map(({ step, value }: any) => [step, value]);
    }
    return all;
  }
  async function unfinished(experiment: string): Promise<number> {
    return (await newest(experiment)).info.status === 'RUNNING' ? 1 : 0;
  }
});

/** MLflow's own stand-ins for what its database cannot hold. */
const kept = (value: number): number | string => (Number.isNaN(value) ? 'NaN' : Math.max(-Number.MAX_VALUE, Math.min(value, Number.MAX_VALUE))); // prettier-ignore

function holds(events: readonly TrainingEvent[]): Record<string, unknown> {
  const all: Record<string, [number, number | string][]> = {};
  const put = (name: string, step: number, value: number | undefined): void => {
    if (value !== undefined) (all[name] ??= []).push([step, kept(value)]);
  };
  for (const event of events) {
    const { globalStep: step } = event;
    if (event.type === 'validation') {
      put('validation/loss', step, event.loss);
      put('validation/accuracy', step, event.metrics['accuracy']);
    }
    if (event.type !== 'step') continue;
    put('training/loss', step, event.loss);
    put('training/accuracy', step, event.metrics['accuracy']);
    put('training/learningRate', step, event.learningRate);
    put('training/gradientNorm', step, event.gradientNorm);
    put('training/samplesPerSecond', step, event.samplesPerSecond);
    put('ema/loss', step, event.ema['loss']);
    put('epoch', step, event.epoch);
  }
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}
