import type { Sink } from '../../operators/tee.js';
import { ArgumentError } from '../core/errors.js';
import type { TrainingEvent } from '../core/events.js';
import type { Controls } from './controls.js';
import { liveRun } from './liveRun.js';
import { Refused } from './refused.js';
import { serve } from './serve.js';

/** Options of {@link dashboard}. */
export interface DashboardOptions {
  /** Where to listen; 0, which is meant unless given, takes a port that is free. */
  readonly port?: number;
  /** The address to listen on: this machine's own, 127.0.0.1, unless given. With another, whoever can reach it can look; control needs the token. */
  readonly host?: string;
  /** What the run is called on the page; 'this run' unless given. */
  readonly name?: string;
  /** What `learningRate$` begins with. */
  readonly learningRate?: number;
}

/** A sink that shows a run on a web page, and the page's controls. */
export interface Dashboard extends Sink<TrainingEvent>, Controls {
  /** The page's address, with the token that control needs, once it is served. */
  readonly url: Promise<string>;
  /** Stops serving, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/**
 * Shows a run live on a web page, and lets the page steer it.
 *
 * Looking is faster than reading: whether the loss falls, whether the learning rate is too large, is seen before it could be printed.
 *
 * ```text
 * source:  --1--2--V--3--|        V: a validation
 *             tee(board)
 * output:  --1--2--V--3--|        board.gate$ says false while the page's Pause is on
 * ```
 *
 * Listens from the call on and prints where. What is shown: every micro-batch's loss, the step's, a moving average, and validations, on one axis of global
 * steps; learning rate, gradient norm, metrics, throughput (`throughput`) and step times (`stepTimes`) where events have them; checkpoints, skipped steps,
 * and changes. The average's `alpha` and the cadence can be changed on the page, and are what `ema` and `logEvery` would have given.
 * A control is offered if something listens to it. The program may end when the run has; until `close` the page is served.
 *
 * **Memory**: about 100 bytes a step and 16 a micro-batch, for as long as it is served. **Cost**: some microseconds a step; a slow page costs none more, it
 * is told later. **Ownership**: touches no tensor.
 *
 * @example
 * ```ts
 * const board = dashboard({ learningRate: 1e-3 });
 * train(model, batches, { loss: mse, optimizer: adam({ learningRate: board.learningRate$ }), until: board.stop$ })
 *   .pipe(gate(board.gate$), checkpointEvery(500, memoryStore(), { on: board.checkpoint$ }), throughput(), stepTimes(), tee(board))
 *   .subscribe();
 * ```
 *
 * @throws {@link ArgumentError} at once, if the port or the learning rate is out of range; the sink fails, and with it the run, if the port is taken.
 */
export function dashboard(options: DashboardOptions = {}): Dashboard {
  const { port = 0, host = '127.0.0.1', name = 'this run', learningRate } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new ArgumentError(`dashboard: port must be a whole number from 0 to 65535, received ${port}`);
  const run = liveRun(name, learningRate);
  const runs = new Map([[name, run]]);

  const served = serve({
    host,
    port,
    runs: () => runs,
    use: (command) => {
      if (!run.info().controls.includes(command.command))
        throw new Refused(409, `nothing listens to ${command.command}`);
      run.use(command);
    },
  });
  let isServed = false;
  const url = served.then((now) => {
    isServed = true;
    console.log(`dashboard: ${now.url}`);
    return now.url;
  });
  url.catch(() => undefined); // the sink says so
  // The last is still told; then the page keeps no process alive.
  const finish = (): void => void served.then(({ release }) => release(), () => undefined); // prettier-ignore
  const end = (): void => {
    run.end();
    finish();
  };
  return {
    ...run.controls,
    url,
    next: (event) => {
      run.add(event);
      return isServed ? undefined : url;
    },
    error: (error) => {
      run.fail(error);
      finish();
    },
    complete: end,
    unsubscribe: end,
    close: async () => (await served).close(),
  };
}
