import { Command } from 'commander';
import { lastValueFrom } from 'rxjs';

import { numbers } from '../sinks/numbers.js';
import { evaluate } from '../trainer/evaluate.js';
import { EXIT_HELP } from './exitCodes.js';
import { print, shownPath } from './output.js';
import { withTrained, withTrainedModel, type TrainedFlags } from './trained.js';

const HELP = `
Examples:
  gradstream evaluate                                   the newest checkpoint, on the validation data
  gradstream evaluate digits.json --data test --checkpoint best
  gradstream evaluate digits.json --file newer.csv --json
${EXIT_HELP}`;

/** `gradstream evaluate`: loss and metrics of a trained model. */
export function evaluateCommand(): Command {
  return withTrained(new Command('evaluate'))
    .description('say how good a trained model is: loss and metrics on data of its config')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', HELP)
    .action((path: string | undefined, flags: TrainedFlags & { readonly json?: boolean }) =>
      withTrainedModel(path, flags, async ({ plan, model, batches, runPath, globalStep }) => {
        const { loss, metrics, samples } = await lastValueFrom(evaluate(model, batches, plan));
        const run = shownPath(runPath);
        if (flags.json) return print(JSON.stringify({ loss, metrics, samples, globalStep, run }));
        await print(`${numbers({ loss, ...metrics })}  on ${samples} samples  (${run}, step ${globalStep})`);
      }),
    );
}
