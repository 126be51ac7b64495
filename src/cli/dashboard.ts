import { statSync } from 'node:fs';

import { Argument, Command, InvalidArgumentError } from 'commander';
import { concatMap, timer } from 'rxjs';

import { ConfigError } from '../config/configError.js';
import { messageOf } from '../core/errors.js';
import { recordedRuns } from '../dashboard/recordedRuns.js';
import { serve } from '../dashboard/serve.js';
import { EXIT_HELP } from './exitCodes.js';
import { print, say, shownPath } from './output.js';

interface DashboardFlags {
  readonly port: number;
  readonly host: string;
}

/** How often the folder is looked at. */
const LOOK_MS = 500;

const HELP = `
The page follows recordings that grow and finds new ones. It cannot steer them; tee(dashboard()) in the program that trains can.
Its address is printed on stdout. Ctrl-C ends it.

Examples:
  gradstream dashboard                                  all runs in runs/
  gradstream dashboard runs/digits --port 8080          one run, always at the same address
  gradstream dashboard --host 0.0.0.0                   for other machines, too: whoever reaches it can look
${EXIT_HELP}`;

/** `gradstream dashboard`: recorded runs, also those that are being recorded, on a web page. */
export function dashboardCommand(): Command {
  return new Command('dashboard')
    .description('show recorded runs on a web page, live, beside each other')
    .addArgument(new Argument('[folder]', "the runs' folder, or one run's").default('runs'))
    .option('--port <port>', 'where to listen; 0 takes a port that is free', portOf, 0)
    .option('--host <address>', "the address to listen on; unless given this machine's own only", '127.0.0.1')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(folder: string, { port, host }: DashboardFlags): Promise<void> {
  assertFolder(folder);
  const recorded = recordedRuns(folder);
  await recorded.look();
  const { url } = await serve({ host, port, runs: () => recorded.runs });
  say(`${shownPath(folder)}: ${recorded.runs.size} runs; Ctrl-C ends`);
  await print(url);
  await timer(LOOK_MS, LOOK_MS)
    .pipe(concatMap(() => recorded.look()))
    .forEach(() => undefined);
}

function assertFolder(path: string): void {
  try {
    if (statSync(path).isDirectory()) return;
  } catch (cause) {
    throw new ConfigError(`${path} must be a folder with runs: ${messageOf(cause)}`, { cause });
  }
  throw new ConfigError(`${path} must be a folder with runs, it is a file`);
}

function portOf(text: string): number {
  const port = text.trim() === '' ? NaN : Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}
