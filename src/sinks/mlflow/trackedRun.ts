import { messageOf } from '../../core/errors.js';
import { batches, type Batches } from './batches.js';
import { MlflowError } from './mlflowError.js';
import type { MlflowMetric, MlflowRun, RunStatus } from './run.js';

/** MLflow takes a thousand numbers at once; a page that is looked at may be two seconds behind. */
const BATCH = { most: 1000, delayMs: 2000 };

/** A run that is being sent. */
export interface TrackedRun {
  readonly add: Batches<MlflowMetric>['add'];
  upload(this: void, path: string, bytes: Uint8Array): Promise<void>;
  /** Sends what waits, then how the run has ended, and of what; FAILED where not all could be sent, and then fails itself. */
  end(this: void, status: RunStatus, error?: unknown): Promise<void>;
}

/** Sends a run while it opens; whatever fails then is told to what comes next. */
export function trackedRun(opening: Promise<MlflowRun>): TrackedRun {
  opening.catch(() => undefined);
  const { add, flush } = batches<MlflowMetric>(async (metrics) => (await opening).log(metrics), BATCH);
  let lost: unknown;
  const losing = (error: unknown): never => {
    lost = error;
    throw error;
  };
  return {
    add,
    upload: async (path, bytes) => opening.then((run) => run.upload(path, bytes)).catch(losing),
    end: async (status, error) => {
      await flush().catch((reason: unknown) => (lost ??= reason));
      const isAway = lost instanceof MlflowError && lost.status === undefined;
      if (isAway) throw lost;
      const run = await opening;
      const reason = error ?? lost;
      if (reason !== undefined) await run.tag({ error: messageOf(reason) });
      await run.end(lost === undefined ? status : 'FAILED');
      if (lost !== undefined) throw lost;
    },
  };
}
