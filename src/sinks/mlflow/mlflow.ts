import { asyncScheduler } from 'rxjs';

import type { Sink } from '../../../operators/tee.js';
import type { CheckpointStore } from '../../checkpoint/store.js';
import { ArgumentError, messageOf } from '../../core/errors.js';
import type { TrainingEvent } from '../../core/events.js';
import { scalarsOf } from '../scalars.js';
import { batches } from './batches.js';
import { flatParams, nameOf, type Params } from './names.js';
import { openRun, type MlflowMetric, type MlflowRun, type RunStatus } from './run.js';
import { requestsTo, type MlflowServer } from './server.js';

/** Options of {@link mlflow}. */
export interface MlflowOptions {
  /** The run's name; MLflow finds one unless given. */
  readonly run?: string;
  /** Goes on with the newest run of that name, if there is one; `false` unless given. */
  readonly resume?: boolean;
  /** Hyper-parameters, plain data: kept as parameters (`optimizer.learningRate`) and, whole, as the artifact `config.json`. */
  readonly params?: Params;
  readonly tags?: Readonly<Record<string, string>>;
  /** Where the run keeps its checkpoints: each is then uploaded as well, to `checkpoints/NAME`. */
  readonly checkpoints?: CheckpointStore;
}

/** MLflow takes a thousand numbers at once; a page that is looked at may be two seconds behind. */
const BATCH = { most: 1000, delayMs: 2000 };

/**
 * Writes a run to an MLflow tracking server: its numbers by global step, hyper-parameters, tags, and files.
 *
 * Runs are compared where all of a team's are kept, whoever trained them and with what.
 *
 * Numbers are `training/loss`, `validation/loss`, `ema/loss` and the like, all over the global step; NaN and the infinities are passed on. They are sent
 * some at a time (1000, or every 2 s), so a step costs nothing to speak of; ten times as many wait at most, then the run waits. The run begins with the
 * first event. It ends as FINISHED, FAILED where the run fails (the tag
 * `error` says of what), or KILLED where it is unsubscribed.
 *
 * While the server is away everything is tried again; when that has not helped, the next event ends the run. A run that goes on after a crash has the
 * steps that were trained twice twice, apart by their time: MLflow never takes a number back. Nor does it let a parameter change.
 *
 * Names may have letters, digits and `_ - . : /`, at most 250; what else there is becomes `_`. Values of parameters end after 6000 characters.
 *
 * **Memory**: 10 000 numbers, and with `checkpoints` one checkpoint; the run waits while it is uploaded.
 *
 * @example
 * ```ts
 * const params = { optimizer: { name: 'adam', learningRate: 1e-3 }, accumulate: 4 };
 * train(model, batches, { loss: mse, optimizer: adam() }).pipe(tee(mlflow({ url: 'http://127.0.0.1:5000' }, 'digits', { run: 'first', params })));
 * ```
 *
 * @param server - Where it is, and how patiently it is asked.
 * @param experiment - What the run belongs to; made if it is not there.
 * @throws {@link ArgumentError} at once, for an address that is none, an empty experiment, `resume` without a name, or parameters that are no plain data.
 * Fails with {@link MlflowError}, if the server stays away or refuses.
 */
export function mlflow(server: MlflowServer, experiment: string, options: MlflowOptions = {}): Sink<TrainingEvent> {
  const { run: name, resume = false, params = {}, tags = {}, checkpoints } = options;
  const requests = requestsTo(server);
  if (!experiment) throw new ArgumentError('mlflow: experiment must be a name, received none');
  if (resume && !name) throw new ArgumentError('mlflow: resume must come with the name of a run');
  flatParams(params); // throws where they are no plain data

  let begun: Promise<MlflowRun> | undefined;
  const run = (): Promise<MlflowRun> =>
    (begun ??= openRun(requests, experiment, { ...(name && { name }), resume, params, tags }));
  const queue = batches<MlflowMetric>(async (metrics) => (await run()).log(metrics), BATCH);
  const upload = async (store: CheckpointStore, checkpoint: string): Promise<void> => {
    const files = Object.entries(await store.load(checkpoint));
    for (const [file, bytes] of files) await (await run()).upload(`checkpoints/${checkpoint}/${file}`, bytes);
  };
  const end = async (status: RunStatus, error?: unknown): Promise<void> => {
    await queue.flush();
    const ending = await run();
    begun = undefined; // a second run of this sink is another run
    if (error !== undefined) await ending.tag({ error: messageOf(error) });
    await ending.end(status);
  };
  // Nobody waits for it, or could be told of what has become of it.
  const endUnheard = (status: RunStatus, error?: unknown): void =>
    void end(status, error).catch((reason: unknown) =>
      console.warn(`${messageOf(reason)}; the run stays as it is there`),
    );
  return {
    next: (event) => {
      if (event.type === 'checkpoint' && checkpoints) return upload(checkpoints, event.name);
      run().catch(() => undefined); // begins at once; the next sending tells what became of it
      return queue.add(metricsOf(event));
    },
    error: (error) => endUnheard('FAILED', error),
    complete: () => end('FINISHED'),
    unsubscribe: () => endUnheard('KILLED'),
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
