import { statSync } from 'node:fs';
import { join } from 'node:path';

import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { stringify } from 'csv-stringify/browser/esm/sync';
import { identity, lastValueFrom, toArray } from 'rxjs';

import { ema } from '../../operators/ema.js';
import { logEvery } from '../../operators/logEvery.js';
import { ConfigError } from '../config/configError.js';
import { didYouMean } from '../config/parts.js';
import { messageOf } from '../core/errors.js';
import { eventLine } from '../trainer/eventLine.js';
import { replay } from '../trainer/replay.js';
import { chart } from './chart.js';
import { eventTable, tableText, type EventTable } from './eventTable.js';
import { EXIT_HELP } from './exitCodes.js';
import { print } from './output.js';

interface LogsFlags {
  readonly alpha?: number;
  readonly every?: number;
  readonly columns?: readonly string[];
  readonly format: 'table' | 'csv' | 'chart' | 'jsonl';
}

const HELP = `
The average is taken over every loss that was recorded, before steps are left out.

Examples:
  gradstream logs runs/digits --every 100
  gradstream logs runs/digits --alpha 0.02 --format chart
  gradstream logs runs/digits/events.jsonl --format csv --columns globalStep,loss,validation.loss > losses.csv
${EXIT_HELP}`;

/** `gradstream logs`: a recorded run again, as a table, CSV or a chart. */
export function logsCommand(): Command {
  return new Command('logs')
    .description('show a recorded run: as a table, CSV, a chart or JSON lines')
    .addArgument(new Argument('<run>', "a run's folder, or its events.jsonl"))
    .option('--alpha <share>', 'average the loss: the weight of a new value, above 0 and at most 1', number)
    .option('--every <steps>', 'leave out steps that are no multiple', number)
    .option('--columns <names>', 'which columns, with commas between them', (text: string) => text.split(','))
    .addOption(new Option('--format <format>').choices(['table', 'csv', 'chart', 'jsonl']).default('table'))
    .addHelpText('after', HELP)
    .action(run);
}

async function run(path: string, { alpha, every, columns, format }: LogsFlags): Promise<void> {
  const event$ = replay(fileOf(path)).pipe(
    alpha === undefined ? identity : ema('loss', { alpha }),
    every === undefined ? identity : logEvery(every),
  );
  if (format === 'jsonl') return event$.forEach((event) => void print(eventLine(event)));
  const table = eventTable(await lastValueFrom(event$.pipe(toArray())));
  const chosen = known(columns ?? usual(table, format), table);
  if (format === 'chart') return print(chart(table, chosen, canvas()));
  const part = { columns: chosen, rows: table.rows };
  await print(
    format === 'csv' ? stringify([...part.rows], { header: true, columns: [...chosen] }).trimEnd() : tableText(part),
  );
}

/** What is shown unless it is said what. */
function usual({ columns }: EventTable, format: LogsFlags['format']): readonly string[] {
  if (format === 'csv') return columns;
  const dull = ['microStep', 'samples', 'validation.samples', 'samplesPerSecond'];
  if (format === 'table') return columns.filter((name) => !dull.includes(name));
  return columns.filter((name) => /(^|[.])loss$/.test(name) && !(name === 'loss' && columns.includes('ema.loss')));
}

function known(chosen: readonly string[], { columns }: EventTable): readonly string[] {
  const wrong = chosen.find((name) => !columns.includes(name));
  if (wrong === undefined) return chosen;
  throw new ConfigError(`--columns: the recording has no '${wrong}'${didYouMean(wrong, columns)}`);
}

function canvas() {
  const { stdout } = process;
  const [width, height] = stdout.isTTY ? stdout.getWindowSize() : [80, 24];
  return { width: width - 14, height: Math.min(20, height - 8), colors: stdout.isTTY && stdout.hasColors() };
}

function fileOf(path: string): string {
  try {
    return statSync(path).isDirectory() ? join(path, 'events.jsonl') : path;
  } catch (cause) {
    throw new ConfigError(`${path} must be a run's folder or its events.jsonl: ${messageOf(cause)}`, { cause });
  }
}

function number(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}
