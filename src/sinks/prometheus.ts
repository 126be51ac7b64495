import { Counter, Gauge, Registry } from 'prom-client';

import type { Sink } from '../../operators/tee.js';
import type { TrainingEvent } from '../core/events.js';
import { saidBy, SERIES, type Said, type Series } from './prometheusSeries.js';

/** Options of {@link prometheus}. */
export interface PrometheusOptions {
  /** The label `run` of all that it says, so that runs side by side can be told apart; 'default' unless given. */
  readonly run?: string;
  /** Where the series go, as that of a server that has one already; a new one unless given. */
  readonly registry?: Registry;
}

/** A sink that keeps what Prometheus asks for. */
export interface PrometheusSink extends Sink<TrainingEvent> {
  /** What is to be served: `await registry.metrics()`, of the type `registry.contentType`. */
  readonly registry: Registry;
}

/** Metrics and averages; they have a label `name`. */
const NAMED: readonly Series[] = ['metric', 'validation_metric', 'ema'];

/** What has the runs under way tell a registry their newest: it is asked for every so many seconds, and steps come every few milliseconds. */
const telling = new WeakMap<Registry, Set<() => void>>();

/**
 * Keeps the newest values of a run for Prometheus, which asks for them by HTTP.
 *
 * A run on a server is watched, and raises an alarm, beside everything else there.
 *
 * ```text
 * source:  --1-----2-----V-----(E|)
 *            tee(prometheus())
 * scraped: ----^-------------^--------     gradstream_loss{run="default"} 0.9, …
 * ```
 *
 * Gauges: `gradstream_loss`, `gradstream_learning_rate`, `gradstream_gradient_norm`, `gradstream_samples_per_second`, `gradstream_global_step`,
 * `gradstream_epoch`, `gradstream_validation_loss`, `gradstream_running` (1, and 0 when the run is over), and with a label `name` `gradstream_metric`,
 * `gradstream_validation_metric`, `gradstream_ema`. Counters: `gradstream_steps_total`, `gradstream_samples_total`,
 * `gradstream_non_finite_steps_total`, `gradstream_checkpoints_total`, `gradstream_dropped_steps_total`. Counters count what the sink was given in this
 * process: put `logEvery` behind it. A further run with the same label takes the place of the one before. It serves nothing itself.
 *
 * **Memory**: a number for each series.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { prometheus } from 'gradstream/sinks/prometheus';
 *
 * const kept = prometheus({ run: 'first' });
 * createServer((_, response) => {
 *   void kept.registry.metrics().then((text) => response.setHeader('content-type', kept.registry.contentType).end(text));
 * }).listen(9464);
 * train(model, batches, options).pipe(tee(kept)).subscribe();
 * ```
 */
export function prometheus({ run = 'default', registry = new Registry() }: PrometheusOptions = {}): PrometheusSink {
  const kept = new Map<string, () => void>();
  const untold = new Map<string, Said>();
  let running = false;

  const say = ({ series, value, name }: Said): void => {
    const labels = { run, ...(name !== undefined && { name }) };
    const metric = metricOf(registry, series);
    if (metric instanceof Counter) metric.inc(labels, value);
    else metric.set(labels, value);
    kept.set(keyOf(series, name), () => metric.remove(labels));
  };
  /** Says it when the registry is asked, but for what it has not heard of: that is told at once, and so has its place. */
  const note = (said: Said): void => {
    const key = keyOf(said.series, said.name);
    if (!kept.has(key)) return say(said);
    const value = isCounter(said.series) ? said.value + (untold.get(key)?.value ?? 0) : said.value;
    untold.set(key, { ...said, value });
  };
  const tell = (): void => {
    untold.forEach(say);
    untold.clear();
  };
  const begin = (): void => {
    if (running) return;
    running = true;
    for (const remove of kept.values()) remove();
    kept.clear();
    say({ series: 'running', value: 1 });
    tellersOf(registry).add(tell);
  };
  const over = (): void => {
    tell();
    tellersOf(registry).delete(tell);
    if (running) say({ series: 'running', value: 0 });
    running = false;
  };
  return {
    registry,
    next: (event) => {
      begin();
      saidBy(event).forEach(note);
    },
    dropped: (count) => {
      begin();
      say({ series: 'dropped_steps_total', value: count });
    },
    error: over,
    complete: over,
    unsubscribe: over,
  };
}

/** The series in a registry; it is made there when it is first spoken of, so that nothing is 0 that has no value yet. */
function metricOf(registry: Registry, series: Series): Counter | Gauge {
  const name = `gradstream_${series}`;
  const made = registry.getSingleMetric(name) as Counter | Gauge | undefined;
  if (made) return made;
  const labelNames = NAMED.includes(series) ? ['run', 'name'] : ['run'];
  const collect = (): void => tellersOf(registry).forEach((tell) => tell());
  const Kind = isCounter(series) ? Counter : Gauge;
  return new Kind({ name, help: SERIES[series], labelNames, registers: [registry], collect });
}

function tellersOf(registry: Registry): Set<() => void> {
  const tellers = telling.get(registry) ?? new Set();
  telling.set(registry, tellers);
  return tellers;
}

function isCounter(series: Series): boolean {
  return series.endsWith('_total');
}

function keyOf(series: Series, name: string | undefined): string {
  return name === undefined ? series : `${series} ${name}`;
}
