import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { placeOf } from './messages.js';
import { dataOf, wholeRecords } from './record.js';

/** While it is written, a file has a name that TensorBoard passes over. */
const UNFINISHED = 'gradstream.new';

/**
 * Leaves of an event file what `keeps` says, by the step and the first tag of each record; and what has no tag. A record that is cut off goes.
 *
 * The file is there at any moment, as it was or as it will be.
 */
export function keepRecords(path: string, keeps: (step: number, tag: string) => boolean): void {
  const file = readFileSync(path);
  const kept = wholeRecords(file).filter((bytes) => {
    const { step, tag } = placeOf(dataOf(bytes));
    return tag === undefined || keeps(step, tag);
  });
  const whole = Buffer.concat(kept);
  if (whole.length === file.length) return;
  const unfinished = join(dirname(path), UNFINISHED);
  writeFileSync(unfinished, whole);
  renameSync(unfinished, path);
}
