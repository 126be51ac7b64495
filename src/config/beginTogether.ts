import { atWindow } from '../checkpoint/atWindow.js';
import type { Collective } from '../core/collective.js';
import type { Model } from '../core/model.js';
import type { Checkpoint } from '../core/snapshot.js';
import { assertSame } from '../replicas/assertSame.js';
import { broadcastCheckpoint } from '../replicas/broadcastCheckpoint.js';
import { broadcastWeights } from '../replicas/broadcastWeights.js';
import { defined } from './defined.js';

/** What a rank begins with. */
export interface Beginning {
  readonly model: Model;
  /** Its config as plain data. */
  readonly told: unknown;
  /** The checkpoint that rank 0 has found. */
  readonly from: Checkpoint | undefined;
  /** How long to wait for the others; at least two minutes for engine and model. */
  readonly timeoutMs: number | undefined;
}

/** How long one rank may take longer than another to be there, with its engine and its model. */
const START_MS = 120_000;

/** Has all ranks begin with the weights of rank 0, and gives what it goes on from. */
export async function beginTogether(
  collective: Collective,
  { model, told, from, timeoutMs }: Beginning,
): Promise<Checkpoint | undefined> {
  // A window that replicas have half filled is lost with their processes; one of a run alone is begun again alike.
  const begun = from && atWindow(from);
  if (collective.worldSize === 1) return begun;
  await assertSame(collective, 'config', told as Readonly<Record<string, unknown>>, {
    timeoutMs: Math.max(START_MS, timeoutMs ?? 0),
  });
  const options = defined({ timeoutMs });
  await broadcastWeights(collective, model, options);
  return broadcastCheckpoint(collective, begun, options);
}
