import type { TrainingEvent } from '../core/events.js';

/**
 * An event as one line of JSON, without its end: what a recording of a run is made of.
 *
 * JSON has no NaN, no Infinity and no −0; they go as strings, "NaN", "Infinity", "-Infinity" and "-0", as in the JSON form of Protocol Buffers. `replay`
 * makes numbers of them again.
 *
 * @example
 * ```ts
 * const recorded: string[] = [];
 * train(model, batches, options).pipe(tee((event) => void recorded.push(eventLine(event)))).subscribe();
 * ```
 *
 * @see {@link replay}
 */
export function eventLine(event: TrainingEvent): string {
  // JSON makes null and 0 of those numbers; where neither is, its values need not be looked at one by one.
  const line = JSON.stringify(event);
  if (!/null|[:[,]0[,\]}]/.test(line)) return line;
  return JSON.stringify(event, (_key, value: unknown) => {
    if (typeof value !== 'number') return value;
    if (Object.is(value, -0)) return '-0';
    return Number.isFinite(value) ? value : String(value);
  });
}
