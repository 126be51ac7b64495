import type { TrainingEvent } from './events.js';
import { fromJson, toJson } from './exactJson.js';
import { countsIn, objectIn } from './heldData.js';
import type { InRun } from './run.js';
import type { Held, Holding } from './snapshot.js';

/** Where a round stands: when the replicas last met, and what waits for the next time. */
export interface HeldRound {
  readonly met: number;
  readonly held: TrainingEvent[];
}

/** It as a stage holds it. */
export function holdRound({ met, held }: HeldRound): Pick<Holding, 'data'> {
  return { data: { met, held: toJson(held) } };
}

/** It again, in the run of the value that comes next. */
export function restoreRound({ data }: Held, run: InRun): HeldRound {
  const { met } = countsIn(data, ['met'], 'localSteps');
  const events = fromJson(String(objectIn(data, 'what localSteps has saved')['held'])) as TrainingEvent[];
  return { met, held: events.map((event) => ({ ...event, ...run })) };
}
