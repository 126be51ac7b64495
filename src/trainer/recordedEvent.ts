import * as v from 'valibot';

import type { TrainingEvent } from '../core/events.js';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** A number, or what JSON has no number for. */
const real = v.union([v.number(), v.pipe(v.picklist(['NaN', 'Infinity', '-Infinity', '-0']), v.transform(Number))]);
const reals = v.record(v.string(), real);
const place = { globalStep: count, epoch: count };
const histogram = {
  name: v.string(),
  edges: v.array(real),
  counts: v.array(count),
  sum: real,
  sumOfSquares: real,
  nonFinite: count,
};
const change = { what: v.string(), from: real, to: real };

/** What a recording may hold. Fields that are not known are kept as they are. */
const Recorded = v.variant('type', [
  v.looseObject({
    type: v.literal('step'),
    ...place,
    microStep: count,
    loss: real,
    metrics: reals,
    microBatches: v.array(v.looseObject({ loss: real, weight: real, metrics: reals })),
    samples: count,
    learningRate: real,
    gradientNorm: v.exactOptional(real),
    worldSize: count,
    ema: reals,
    samplesPerSecond: v.exactOptional(real),
    timesMs: v.exactOptional(reals),
    nonFinite: v.exactOptional(
      v.looseObject({ what: v.string(), action: v.picklist(['skipped', 'kept']), count: v.exactOptional(count) }),
    ),
    changes: v.exactOptional(v.array(v.looseObject(change))),
    histograms: v.exactOptional(v.array(v.looseObject(histogram))),
  }),
  v.looseObject({ type: v.literal('validation'), ...place, loss: real, metrics: reals, samples: count, ema: reals }),
  v.looseObject({
    type: v.literal('checkpoint'),
    ...place,
    name: v.string(),
    reason: v.string(),
    best: v.boolean(),
    skipped: count,
  }),
  v.looseObject({ type: v.literal('histogram'), ...place, ...histogram }),
  v.looseObject({ type: v.literal('image'), ...place, name: v.string(), images: v.array(v.string()) }),
  v.looseObject({ type: v.literal('text'), ...place, name: v.string(), text: v.string() }),
  v.looseObject({ type: v.literal('change'), ...place, ...change }),
  v.looseObject({
    type: v.literal('end'),
    ...place,
    reason: v.string(),
    best: v.exactOptional(real),
    bestStep: v.exactOptional(count),
    value: v.exactOptional(real),
  }),
]);
const known = new Set(Recorded.options.map(({ entries }) => entries.type.literal as string));
const Other = v.looseObject({ type: v.string(), ...place });

/** The event that a line's JSON stands for; what is wrong with it, if it is none. Kinds that are not known pass, as they do everywhere. */
export function recordedEvent(json: unknown): TrainingEvent | { readonly problem: string } {
  const type = (json as { type?: unknown } | null)?.type;
  const parsed = v.safeParse(known.has(type as string) ? Recorded : Other, json);
  if (parsed.success) return parsed.output as TrainingEvent;
  const [issue] = parsed.issues;
  return { problem: `${v.getDotPath(issue) ?? 'it'}: ${issue.message}` };
}
