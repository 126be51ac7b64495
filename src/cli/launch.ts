import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { pathToFileURL } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';

import { Argument, Command, InvalidArgumentError, Option } from 'commander';

import { ConfigError } from '../config/configError.js';
import { messageOf } from '../core/errors.js';
import { startThreads } from '../replicas/startThreads.js';
import { EXIT, EXIT_HELP } from './exitCodes.js';
import { say } from './output.js';
import { CHANNEL, passedOn } from './world.js';
import { usualWay, worldCommand, type By, type WorldCommand } from './worldCommand.js';

interface LaunchFlags {
  readonly replicas: number;
  readonly by?: By;
  readonly restarts: number;
  readonly inside?: true;
}

const HELP = `
Trains as one replica would with the same config: each takes its part of every batch, so that the batches are those of all replicas together, and losses and
gradients are averaged over all. The first replica records, saves and prints; all of them validate. By mpi, each takes the GPU of its rank on the machine.

A replica that fails, is killed, or does not come within the config's timeoutMs, ends all of them; with --restarts they begin again from the newest
checkpoint, so save often enough. The run may also go on with another number of replicas. Ctrl-C once ends all after the step and saves, twice ends at once.

Its exit code is that of the replicas: 137 if one was killed, 130 after Ctrl-C. MPICH ends with 9 instead of 137, and names the killed one by its process: the
first line that is printed has the replicas' processes in order.

On several machines, start the ranks by what is there; no restarts then:
  mpirun -n 8 --hostfile hosts gradstream train
  srun --mpi=pmix -n 8 gradstream train

Examples:
  gradstream launch -n 4 train                          gradstream.config.ts on four replicas
  gradstream launch -n 2 --by threads train digits.json --set accumulate=4
  gradstream launch -n 4 --restarts 3 train --resume    whatever happens, up to three times
${EXIT_HELP}`;

/** `gradstream launch`: a run on several replicas, which is started again when one fails. */
export function launchCommand(): Command {
  return new Command('launch')
    .description('train on several replicas of this machine, and start them again when one fails')
    .addArgument(new Argument('<command...>', 'train, with all that it is to be told'))
    .requiredOption('-n, --replicas <count>', 'how many', countFrom(1))
    .addOption(
      new Option('--by <way>', 'processes by mpirun, or threads (default: mpi where mpirun and koffi are)').choices([
        'mpi',
        'threads',
      ]),
    )
    .option('--restarts <count>', 'how often to start again from the newest checkpoint', countFrom(0), 0)
    .addOption(new Option('--inside').hideHelp())
    .passThroughOptions()
    .addHelpText('after', HELP)
    .action(run);
}

async function run(args: readonly string[], { replicas, by, restarts, inside }: LaunchFlags): Promise<void> {
  if (args[0] !== 'train') throw new ConfigError(`launch: the command must be train, it is '${args[0]}'`);
  if (inside) return inThreads(replicas, args);
  if (restarts > 0 && args.includes('--fast-dev-run'))
    throw new ConfigError('launch --restarts: --fast-dev-run leaves no checkpoint to go on from');
  const here = { env: process.env, cores: availableParallelism() };
  const way = by ?? usualWay(process.env);
  process.exitCode = await supervise(
    (isRestart) => worldCommand(way, replicas, isRestart ? resumed(args) : args, here),
    restarts,
  );
}

/** Starts the ranks until they end well, or too often badly; gives the exit code. */
async function supervise(commandFor: (isRestart: boolean) => WorldCommand, restarts: number): Promise<number> {
  let signals: (keyof typeof EXIT)[] = [];
  let world: ChildProcess | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals = [...signals, signal as 'SIGINT' | 'SIGTERM'];
    if (signals.length === 1) world?.stdin?.write(`${signal}\n`);
    else world?.kill('SIGTERM'); // which mpirun passes on, and then kills
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    for (let restart = 0; ; restart += 1) {
      world = begin(commandFor(restart > 0));
      const code = await endOf(world);
      if (signals.length > 0) return EXIT[signals[0]!];
      if (code === 0 || code === EXIT.usage || restart >= restarts) return code;
      say(`gradstream: the replicas have ended with ${code}; restart ${restart + 1} of ${restarts}`);
    }
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** In a group of its own, which Ctrl-C in a terminal does not reach; its stdin is for what it is told. */
function begin({ file, args, env }: WorldCommand): ChildProcess {
  const world = spawn(file, args, { env, detached: true, stdio: ['pipe', 'inherit', 'inherit'] });
  world.stdin!.on('error', () => undefined); // it has ended, and says so itself
  return world;
}

async function endOf(world: ChildProcess): Promise<number> {
  const [code, signal] = (await once(world, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal!];
}

/** The same run, from its newest checkpoint on. */
function resumed(args: readonly string[]): string[] {
  return [...args.filter((arg) => arg !== '--overwrite' && arg !== '--resume'), '--resume'];
}

/** All ranks as threads of this process. */
async function inThreads(ranks: number, args: readonly string[]): Promise<void> {
  const channel = new BroadcastChannel(CHANNEL);
  channel.unref();
  void passedOn().forEach((signal) => channel.postMessage(signal));
  let code = 0;
  process.on('worker', (worker) => worker.once('exit', (own: number) => (code ||= own)));
  try {
    await startThreads(ranks, pathToFileURL(realpathSync(process.argv[1]!)), { argv: [...args] });
  } catch (error) {
    say(`gradstream: ${messageOf(error)}`); // the rank has said where it was
    process.exitCode = code || EXIT.failed;
  }
}

function countFrom(least: number): (text: string) => number {
  return (text) => {
    const count = text.trim() === '' ? NaN : Number(text);
    if (Number.isSafeInteger(count) && count >= least) return count;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}
