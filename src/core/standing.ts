import type { Cursor, Pulled } from './puller.js';
import { STOPPED } from './stopping.js';

/** Where a source stands when it gives no more: before a batch that is not given, at the end of its last pass, or behind its last batch, unless that was given back. */
export function standing(
  pulled: Pulled<object> | typeof STOPPED | undefined,
  last: Cursor | undefined,
  isGivenBack: boolean,
): Cursor | undefined {
  if (isGivenBack) return last;
  if (pulled === STOPPED) return last && { ...last, given: last.given + 1 };
  return pulled ? pulled.cursor : last && { pass: last.pass + 1, given: 0 };
}
