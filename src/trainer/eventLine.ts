import type { TrainingEvent } from '../core/events.js';
import { toJson } from '../core/exactJson.js';

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
  return toJson(event);
}
