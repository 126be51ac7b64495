import { asyncScheduler } from 'rxjs';

import type { Sink } from '../../../operators/tee.js';
import type { CheckpointStore } from '../../checkpoint/store.js';
import { ArgumentError, messageOf } from '../../core/errors.js';
import type { TrainingEvent } from '../../core/events.js';
import { leavesOf, type HyperParameters } from '../hyperParameters.js';
import { scalarsOf } from '../scalars.js';
import { nameOf } from './names.js';
import { openRun, type MlflowMetric, type RunStatus } from './run.js';
import { requestsTo, type MlflowServer } from './server.js';
import { trackedRun, type TrackedRun } from './trackedRun.js';

/** Options of {@link mlflow}. */
export interface MlflowOptions {
  /** The run's name; MLflow finds one unless given. */
  readonly run?: string;
  /** Goes on with the newest run of that name, if there is one; `false` unless given. */
  readonly resume?: boolean;
  /** Plain data, such as a run's whole configuration: kept as parameters (`optimizer.learningRate`) and, whole, as the artifact `config.json`. */
  readonly hyperParameters?: HyperParameters;
  readonly tags?: Readonly<Record<string, string>>;
  /** Where the run keeps its checkpoints: each is then uploaded as well, to `checkpoints/NAME`. */
  readonly checkpoints?: CheckpointStore;
}

/**
 * Writes a run to an MLflow tracking server: its numbers by global step, hyper-parameters, tags, and files.
 *
 * Runs are compared where all of a team's are kept, whoever trained them and with what.
 *
 * ```text
 * source:  --1-----2-----V--C-----(E|)
 *            tee(mlflow('digits', { checkpoints }))
 * server:  --begin----[1,2,V]--C------[…]FINISHED
 * ```
 *
 * Numbers are `training/loss`, `validation/loss`, `ema/loss` and the like, all over the global step; NaN and the infinities are passed on. They are sent
 * some at a time (1000, or every 2 s), so a step costs nothing to speak of; ten times as many wait at most, then the sink is busy, and what the run does
 * then says `whenBusy` of `tee`. The run begins with the first event. It ends as FINISHED, FAILED where the run fails (the tag `error` says of what), or
 * KILLED where it is unsubscribed, when all that waits has been sent; what is unsubscribed is not waited for.
 *
 * The server and its credentials are those of MLflow's own client unless given: `MLFLOW_TRACKING_URI`, a name and password in it, or
 * `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`.
 *
 * While the server is away everything is tried again; when that has not helped, the next event ends the run. A run that goes on after a crash has the
 * steps that were trained twice twice, apart by their time: MLflow never takes a number back. Nor does it let a parameter change.
 *
 * Names may have letters, digits and `_ - . : /`, at most 250; what else there is becomes `_`. Values of parameters and tags are cut after 6000
 * characters, MLflow's limit; `config.json` has them whole. Files go through the server (`mlflow server --serve-artifacts`, as it does unless told).
 *
 * **Memory**: 10 000 numbers, and with `checkpoints` one checkpoint; the run waits while it is uploaded.
 *
 * @example
 * ```ts
 * const hyperParameters = { optimizer: { name: 'adam', learningRate: 1e-3 }, accumulate: 4 };
 * const tracker = mlflow('digits', { run: 'first', hyperParameters }, { url: 'http://127.0.0.1:5000' });
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(tee(tracker));
 * ```
 *
 * @param experiment - What the run belongs to; made if it is not there.
 * @param server - Where it is, and how patiently it is asked.
 * @throws {@link ArgumentError} at once, for an address that is none, an empty experiment, `resume` without a name, or hyper-parameters that are no plain
 * data. Fails with {@link MlflowError}, if the server stays away or refuses.
 */
export function mlflow(
  experiment: string,
  options: MlflowOptions = {},
  server: MlflowServer = {},
): Sink<TrainingEvent> {
  const { run: name, resume = false, hyperParameters = {}, tags = {}, checkpoints } = options;
  const requests = requestsTo(server);
  if (!experiment) throw new ArgumentError('mlflow: experiment must be a name, received none');
  if (resume && !name) throw new ArgumentError('mlflow: resume must come with the name of a run');
  leavesOf(hyperParameters, 'mlflow: hyperParameters'); // throws where they are no plain data

  let current: TrackedRun | undefined;
  const run = (): TrackedRun =>
    (current ??= trackedRun(openRun(requests, experiment, { ...(name && { name }), resume, hyperParameters, tags })));
  const upload = async (store: CheckpointStore, checkpoint: string): Promise<void> => {
    const files = Object.entries(await store.load(checkpoint));
    for (const [file, bytes] of files) await run().upload(`checkpoints/${checkpoint}/${file}`, bytes);
  };
  const end = (status: RunStatus, error?: unknown): Promise<void> => {
    const ending = run();
    current = undefined; // a second run of this sink is another run
    return ending.end(status, error);
  };
  return {
    next: (event) => {
      const { add } = run();
      return event.type === 'checkpoint' && checkpoints ? upload(checkpoints, event.name) : add(metricsOf(event));
    },
    error: (error) => end('FAILED', error),
    complete: () => end('FINISHED'),
    unsubscribe: () => {
      // Nobody waits for it, or could be told of what has become of it.
      if (current) end('KILLED').catch((reason: unknown) => console.warn(`mlflow: not all of the run could be sent: ${messageOf(reason)}`)); // prettier-ignore
    },
  };
}

function metricsOf(event: TrainingEvent): MlflowMetric[] {
  const [step, timestamp] = [event.globalStep, asyncScheduler.now()];
  return Object.entries(scalarsOf(event)).map(([name, value]) => ({
    key: nameOf(name),
    value: Number.isFinite(value) ? value : String(value),
    step,
    timestamp,
  }));
}
