import { defer, map, type MonoTypeOperatorFunction } from 'rxjs';

import { isTensor } from '../src/core/batch.js';
import type { RunChange } from '../src/core/runChange.js';
import { messageOf } from '../src/core/errors.js';
import type { Metric } from '../src/core/metric.js';
import { OutOfMemoryError } from '../src/core/outOfMemory.js';
import type { Parts } from '../src/core/parts.js';
import { RUN } from '../src/core/run.js';
import { takesPart } from '../src/core/runState.js';
import type { Json } from '../src/core/snapshot.js';
import type { ForwardPass } from '../src/core/values.js';

/**
 * Lets micro-batches that do not fit in memory be computed in smaller parts.
 *
 * A run that dies of memory at the longest batch of its third hour need not have died: the same step can be made of smaller pieces.
 *
 * ```text
 * source:   --A-------B-------C--|        A, B, C of 8 samples
 *              retryWithSmallerBatches(), backward()
 * computed: --[8]-----[8]✗[4][4]-[4][4]
 * output:   --1-----------2------3-|      the same micro-steps
 * ```
 *
 * When memory runs out (`isOutOfMemory`) in a micro-batch, its samples are halved until they fit, and all later micro-batches are computed in parts
 * of that size. Behind `backward` nobody notices: a micro-step has the loss, metrics and gradients of the whole micro-batch, being means by the samples'
 * weights, so steps, counts, windows and (to rounding) weights are those of a run that had enough memory. What is no such mean cannot be put
 * together: a batch norm sees the parts, dropout draws other numbers, and a loss of one value for the whole batch must be the mean over its samples. A metric
 * that gives one value for the whole batch must be reduced by mean, sum, max or last.
 * Each halving is told as an event of `train`, or by `changes`: `{ type: 'change', what: 'microBatchSize', from: 8, to: 4, … }`.
 * Place it between `forward` and `backward`; `trainStep` and `train` take it as an option. On WebGPU memory runs out unheard until the next read, and the
 * run ends.
 *
 * **Memory**: a set of gradients more while parts are merged. **Cost**: none until memory runs out, but that a compiled step changes nothing until all of its
 * pass is computed.
 * **Ownership**: hands on every pass.
 *
 * @example
 * ```ts
 * fromPull(batches).pipe(forward(model, mse), retryWithSmallerBatches(), backward(), accumulate(4), optimizerStep(adam()));
 * ```
 *
 * Errors with {@link OutOfMemoryError}, if one sample is too much; {@link ArgumentError}, if a metric cannot be put together.
 * @see {@link batchSizeProbe} for what fits, found before.
 */
export function retryWithSmallerBatches(): MonoTypeOperatorFunction<ForwardPass> {
  return (source) =>
    defer(() => {
      let limit = Infinity;
      let untold: readonly RunChange[] = [];
      const perSample = new Set<string>();
      const parts: Parts = {
        limit: () => limit,
        perSample,
        tooMany: (samples, seen, cause) => {
          if (samples <= 1) throw tooLarge(cause);
          const change = { ...seen, what: 'microBatchSize', from: samples, to: Math.ceil(samples / 2) };
          limit = change.to;
          untold = [...untold, change];
        },
      };
      const changes = (upTo: number): readonly RunChange[] => {
        const told = untold.filter(({ globalStep }) => globalStep <= upTo);
        untold = untold.filter(({ globalStep }) => globalStep > upTo);
        return told;
      };
      let watched: ForwardPass['metrics'] | undefined;
      return source.pipe(
        takesPart(
          'retryWithSmallerBatches',
          () => ({ data: { limit: limit === Infinity ? null : limit, untold: untold as unknown as Json } }),
          ({ data }) => {
            const held = data as unknown as { readonly limit: number | null; readonly untold: readonly RunChange[] };
            limit = held.limit ?? Infinity;
            ({ untold } = held);
          },
        ),
        map((pass) => {
          watched ??= watching(pass.metrics, perSample);
          return { ...pass, metrics: watched, parts, [RUN]: { ...pass[RUN], changes } };
        }),
      );
    });
}

/** The metrics, which note in `perSample` if they give one value per sample. */
function watching(metrics: ForwardPass['metrics'], perSample: Set<string>): ForwardPass['metrics'] {
  const watch = (name: string, { compute, reduce }: Metric): Metric => ({
    reduce,
    compute: (labels, predictions) => {
      const values = compute(labels, predictions);
      if (isTensor(values) && values.rank === 1) perSample.add(name);
      return values;
    },
  });
  return Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, watch(name, metric)]));
}

function tooLarge(cause: unknown): OutOfMemoryError {
  const message = 'retryWithSmallerBatches: one sample must fit in memory, it does not';
  return new OutOfMemoryError(`${message}; make the model or its inputs smaller: ${messageOf(cause)}`, { cause });
}
