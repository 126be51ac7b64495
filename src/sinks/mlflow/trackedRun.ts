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
  let lost: { readonly error: unknown } | undefined;
  const losing = (error: unknown): never => {
    lost ??= { error };
    throw error;
  };
  return {
    add,
    upload: (path, bytes) => opening.then((run) => run.upload(path, bytes)).catch(losing),
    end: async (status, error) => {
      await flush().catch((failure: unknown) => (lost ??= { error: failure })); // told when the run has ended there
      if (lost?.error instanceof MlflowError && lost.error.status === undefined) throw lost.error; // the server is away
      const run = await opening;
      const reason = error ?? lost?.error;
      if (reason !== undefined) await run.tag({ error: messageOf(reason) });
      await run.end(lost ? 'FAILED' : status);
      if (lost) throw lost.error;
    },
  };
}
