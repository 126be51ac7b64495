import { Command } from 'commander';
import { concatMap, lastValueFrom } from 'rxjs';

import type { NdArray } from '../core/batch.js';
import { predict } from '../trainer/predict.js';
import { EXIT_HELP } from './exitCodes.js';
import { print } from './output.js';
import { withTrained, withTrainedModel, type TrainedFlags } from './trained.js';

const HELP = `
Prints a line of JSON for each sample, in their order: [0.02,0.98]. Data that a file holds is not shuffled.

Examples:
  gradstream predict --data test > predictions.jsonl
  gradstream predict digits.json --file unseen.csv --checkpoint best
${EXIT_HELP}`;

/** `gradstream predict`: what a trained model says of each sample. */
export function predictCommand(): Command {
  return withTrained(new Command('predict'))
    .description('print what a trained model says of each sample of its data, a line of JSON each')
    .addHelpText('after', HELP)
    .action((path: string | undefined, flags: TrainedFlags) =>
      withTrainedModel(path, flags, async ({ model, batches }) => {
        const printed$ = predict(model, batches).pipe(concatMap((batch) => print(samplesIn(batch).join('\n'))));
        await lastValueFrom(printed$, { defaultValue: undefined });
      }),
    );
}

/** Each sample's prediction as JSON, in its shape. */
export function samplesIn({ data, shape: [samples = 1, ...shape] }: NdArray): string[] {
  const size = data.length / samples;
  return Array.from({ length: samples }, (_, i) =>
    JSON.stringify(nested([...data.slice(i * size, (i + 1) * size)], shape)),
  );
}

/** Numbers in a row as arrays in arrays. */
function nested(row: readonly number[], [length, ...rest]: readonly number[]): unknown {
  if (length === undefined) return row[0];
  const size = row.length / length;
  return Array.from({ length }, (_, i) => nested(row.slice(i * size, (i + 1) * size), rest));
}
