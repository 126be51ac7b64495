import { EMPTY, identity, map, pipe, type MonoTypeOperatorFunction, type Observable } from 'rxjs';

import { allReduce } from '../../operators/allReduce.js';
import { logEvery } from '../../operators/logEvery.js';
import { stepTimes } from '../../operators/stepTimes.js';
import { tee, type Sink } from '../../operators/tee.js';
import { throughput } from '../../operators/throughput.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { checkpointEvery } from '../checkpoint/checkpointEvery.js';
import type { Batch } from '../core/batch.js';
import type { Collective } from '../core/collective.js';
import type { EvaluationSource } from '../core/evaluateBatches.js';
import type { TrainingEvent } from '../core/events.js';
import type { Model } from '../core/model.js';
import { RUN } from '../core/run.js';
import type { Checkpoint } from '../core/snapshot.js';
import type { EpochSource } from '../core/source.js';
import type { GradientStep } from '../core/values.js';
import { jsonlFile } from '../sinks/jsonlFile.js';
import { train, type TrainOptions } from '../trainer/train.js';
import { defined } from './defined.js';
import type { Plan } from './parseConfig.js';
import type { RunFolder } from './runFolder.js';
import { sharedBatches } from './sharedBatches.js';

/** What a plan needs in order to run. */
export interface RunParts {
  readonly model: Model;
  readonly batches: EpochSource<Batch>;
  readonly validation: EvaluationSource | undefined;
  /** Where it is recorded and saved; nowhere, unless given. */
  readonly folder: RunFolder | undefined;
  /** The replicas that train together. */
  readonly collective: Collective;
  readonly from: Checkpoint | undefined;
  /** Saves the run and ends it. */
  readonly stop$: Observable<unknown>;
  /** Sees every event that is recorded, and those that are not. */
  readonly watch: Sink<TrainingEvent>;
}

/** The run that a config describes: recorded and saved in its folder. */
export function runEvents(plan: Plan, parts: RunParts): Observable<TrainingEvent> {
  const { model, validation, folder, from, watch } = parts;
  const { optimizer, loss, metrics, accumulate, clipNorm, skipNonFinite, steps, validateEvery: every } = plan;
  const { batches, seed, until, reduce } =
    parts.collective.worldSize === 1 ? alone(plan, parts) : together(plan, parts);
  // `until` alone would be an end, too; without either of the others it is one pass.
  const epochs = plan.epochs ?? (steps === undefined ? 1 : undefined);
  const options = defined({ accumulate, clipNorm, skipNonFinite, seed, steps, epochs, until, reduce });
  const { every: saveEvery = '10min', ...keeping } = plan.checkpoint ?? {};

  const run$ = train(model, batches, { ...options, loss, optimizer, metrics, from }).pipe(
    every !== undefined && validation ? validateEvery(every, validation) : identity,
    (run$) => plan.operators.reduce((piped$, operator) => piped$.pipe(operator), run$),
    throughput(),
    stepTimes(),
  );
  if (!folder) return run$;
  return run$.pipe(
    checkpointEvery(saveEvery, folder.store, { ...defined(keeping), on: until ?? EMPTY }),
    tee(watch),
    logEvery(plan.logEvery),
    tee(jsonlFile(folder.events)),
  );
}

/** How a run is fed and ended. */
type Feed = Pick<RunParts, 'batches'> & Pick<TrainOptions, 'seed' | 'until' | 'reduce'>;

function alone({ seed }: Plan, { batches, stop$ }: RunParts): Feed {
  return { batches, ...defined({ seed }), until: stop$ };
}

/** Replicas end together, between two steps: what is saved then is all of the run. */
function together({ seed = 0, timeoutMs }: Plan, { batches, stop$, collective }: RunParts): Feed {
  return {
    batches: sharedBatches(collective, batches, defined({ timeoutMs })),
    seed: seed + collective.rank,
    reduce: pipe(allReduce(collective, { ...defined({ timeoutMs }), until: stop$ }), byClockOfFirst(collective)),
  };
}

/** Only the first replica ends the run by the clock: stopped by another it would have begun a window, which would be missing if the run goes on. */
function byClockOfFirst({ rank }: Collective): MonoTypeOperatorFunction<GradientStep> {
  if (rank === 0) return identity;
  return map((step) => {
    const run = step[RUN] ?? {};
    return { ...step, [RUN]: { ...run, end: (why) => why.reason !== 'duration' && run.end?.(why) } };
  });
}
