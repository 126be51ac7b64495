import { identity, type Observable } from 'rxjs';

import { logEvery } from '../../operators/logEvery.js';
import { stepTimes } from '../../operators/stepTimes.js';
import { tee, type Sink } from '../../operators/tee.js';
import { throughput } from '../../operators/throughput.js';
import { validateEvery } from '../../operators/validateEvery.js';
import { checkpointEvery } from '../checkpoint/checkpointEvery.js';
import type { Batch } from '../core/batch.js';
import type { EvaluationSource } from '../core/evaluateBatches.js';
import type { TrainingEvent } from '../core/events.js';
import type { Model } from '../core/model.js';
import type { Checkpoint } from '../core/snapshot.js';
import type { EpochSource } from '../core/source.js';
import { jsonlFile } from '../sinks/jsonlFile.js';
import { train } from '../trainer/train.js';
import { defined } from './defined.js';
import type { Plan } from './parseConfig.js';
import type { RunFolder } from './runFolder.js';

/** What a plan needs in order to run. */
export interface RunParts {
  readonly model: Model;
  readonly batches: EpochSource<Batch>;
  readonly validation: EvaluationSource | undefined;
  readonly folder: RunFolder;
  readonly from: Checkpoint | undefined;
  /** Saves the run and ends it. */
  readonly stop$: Observable<unknown>;
  /** Sees every event, those that are not recorded, too. */
  readonly watch: Sink<TrainingEvent>;
}

/** The run that a config describes: recorded and saved in its folder. */
export function runEvents(plan: Plan, parts: RunParts): Observable<TrainingEvent> {
  const { model, batches, validation, folder, from, stop$, watch } = parts;
  const { optimizer, loss, metrics, accumulate, clipNorm, skipNonFinite, seed, steps, validateEvery: every } = plan;
  // `until` alone would be an end, too; without either of the others it is one pass.
  const epochs = plan.epochs ?? (steps === undefined ? 1 : undefined);
  const options = defined({ accumulate, clipNorm, skipNonFinite, seed, steps, epochs });
  const { every: saveEvery = '10min', ...keeping } = plan.checkpoint ?? {};

  return train(model, batches, { ...options, loss, optimizer, metrics, from, until: stop$ }).pipe(
    every !== undefined && validation ? validateEvery(every, validation) : identity,
    (run$) => plan.operators.reduce((piped$, operator) => piped$.pipe(operator), run$),
    throughput(),
    stepTimes(),
    checkpointEvery(saveEvery, folder.store, { ...defined(keeping), on: stop$ }),
    tee(watch),
    logEvery(plan.logEvery),
    tee(jsonlFile(folder.events)),
  );
}
