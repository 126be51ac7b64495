import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command, Option } from 'commander';
import { identity, lastValueFrom, merge, scan, share, take, tap, type Observable } from 'rxjs';

import { tee } from '../../operators/tee.js';
import { latest } from '../checkpoint/latest.js';
import { beginTogether } from '../config/beginTogether.js';
import { batchesOf, firstOf } from '../config/batchesOf.js';
import { buildModel } from '../config/buildModel.js';
import { hyperParameters } from '../config/hyperParameters.js';
import { defined } from '../config/defined.js';
import type { Plan } from '../config/parseConfig.js';
import { runEvents } from '../config/runEvents.js';
import { assertFree, openRunFolder, type Former } from '../config/runFolder.js';
import type { Collective } from '../core/collective.js';
import { progressBar } from '../sinks/progressBar.js';
import { configured, withConfig, type ConfigFlags, type Configured } from './configOptions.js';
import { EXIT, EXIT_HELP } from './exitCodes.js';
import { openEngine } from './openEngine.js';
import { jsonLines, outputErrors, print, say, shownPath } from './output.js';
import { summary, type LastEvents } from './summary.js';
import { askedToEnd, inWorld, isLaunched, processesOf } from './world.js';

interface TrainFlags extends ConfigFlags {
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly fastDevRun?: boolean;
  readonly json?: boolean;
}

const HELP = `
The run is recorded in its folder: config.json, events.jsonl, checkpoints/. Ctrl-C once ends it after the step and saves it; twice ends it at once.

Examples:
  gradstream train                                      gradstream.config.ts, recorded in runs/gradstream
  gradstream train digits.json --engine wasm            another config, another engine
  gradstream train --set optimizer.learningRate=1e-4 --set run=runs/slow
  gradstream train --resume                             from the newest checkpoint on; from the beginning, if there is none
  gradstream train --fast-dev-run                       whether all of it works, in seconds
  gradstream train --json | jq -c 'select(.type == "validation")'
${EXIT_HELP}`;

/** `gradstream train`: the run that a config describes. */
export function trainCommand(): Command {
  return withConfig(new Command('train'))
    .description('train the model that a config describes')
    .addOption(new Option('--resume', 'go on from the newest whole checkpoint').conflicts('overwrite'))
    .option('--overwrite', 'start over, and lose the run that is in the folder')
    .addOption(
      new Option('--fast-dev-run', 'two steps, each validated on one batch and saved; leaves nothing').conflicts(
        'resume',
      ),
    )
    .option('--json', 'print the recorded events on stdout, a line of JSON each; all else is on stderr')
    .addHelpText('after', HELP)
    .action((path: string | undefined, flags: TrainFlags) => run(path, flags));
}

async function run(path: string | undefined, flags: TrainFlags): Promise<void> {
  await inWorld(async (collective) => {
    const given = await configured(path, flags);
    if (!flags.fastDevRun) return trainIn(collective, given, flags);
    const runPath = await mkdtemp(join(tmpdir(), 'gradstream-'));
    try {
      await trainIn(collective, { ...given, plan: fast(given.plan), runPath }, flags);
    } finally {
      await rm(runPath, { recursive: true, force: true });
    }
  });
}

/** The same run, two steps long; what it goes through in hours is gone through at each. */
function fast({ epochs: _, ...plan }: Plan): Plan {
  return { ...plan, steps: 2, validateEvery: 1, logEvery: 1, checkpoint: { ...plan.checkpoint, every: 1 } };
}

async function trainIn(
  collective: Collective,
  { plan, config, folder, runPath }: Configured,
  flags: TrainFlags,
): Promise<void> {
  const former: Former = flags.resume ? 'resume' : flags.overwrite ? 'overwrite' : 'refuse';
  const isFirst = collective.rank === 0; // the one that records, saves and prints
  const told = hyperParameters(config);
  if (isFirst) await assertFree(runPath, former); // before anything that takes long
  const { tf, name, about, close } = await openEngine(plan.engine);
  try {
    const model = await buildModel(plan.model, tf, folder);
    // A former run is not touched before all is there that takes its place.
    const runFolder = isFirst ? await openRunFolder(runPath, former, told) : undefined;
    const saved = runFolder && (await latest(runFolder.store, { orPrevious: true }));
    const from = await beginTogether(collective, { model, told, from: saved, timeoutMs: plan.timeoutMs });
    const shown = flags.fastDevRun ? 'nowhere, a trial run' : shownPath(runPath);
    const who = collective.worldSize > 1 ? `${await processesOf(collective)} ` : '';
    if (isFirst) say(`${shown}  ${who}on ${name}: ${about}${from ? `  from step ${from.globalStep} on` : ''}`);

    const held = plan.data.validation && batchesOf(plan.data.validation, folder);
    const { epochs, steps } = plan;
    const bar = progressBar({ stream: process.stderr, ...defined({ steps, epochs }) });
    const run$ = runEvents(plan, {
      model,
      batches: batchesOf(plan.data.train, folder),
      validation: held && flags.fastDevRun ? firstOf(held) : held,
      folder: runFolder,
      collective,
      from,
      stop$: stopped(collective, isFirst ? bar.print : () => undefined),
      watch: bar,
    });
    const last = await lastValueFrom(
      run$.pipe(
        flags.json && isFirst ? tee(jsonLines) : identity,
        scan((last: LastEvents, event) => ({ ...last, [event.type]: event }), {}),
      ),
    );
    if (isFirst && !flags.json) await print(summary(last, shown));
  } finally {
    close?.();
  }
}

/** The first reason to end: a signal, which the process will tell of when it exits, or that nobody reads its output any more. */
function stopped(collective: Collective, tell: (line: string) => void): Observable<unknown> {
  const signal$ = askedToEnd(collective).pipe(
    tap((signal) => {
      if (!isLaunched()) process.exitCode = EXIT[signal];
      tell('ends after this step, and saves; once more: at once');
    }),
  );
  return merge(signal$, outputErrors()).pipe(take(1), share());
}
