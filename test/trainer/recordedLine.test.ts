import { describe, expect, it } from 'vitest';

import type { TrainingEvent } from '../../src/core/events.js';
import { eventLine } from '../../src/trainer/eventLine.js';
import { recordedLine } from '../../src/trainer/recordedLine.js';
import { everyKind } from '../support/everyKind.js';

const read = (event: unknown) => recordedLine(eventLine(event as TrainingEvent));

/** A copy for every number that an event holds, with another in its place. */
function withEachNumber<T>(value: T, other: number): T[] {
  if (typeof value === 'number') return [other as T];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    withEachNumber(inner, other).map((changed): T => {
      const copy = structuredClone(value);
      (copy as Record<string, unknown>)[key] = changed;
      return copy;
    }),
  );
}

describe.each(Object.entries(everyKind))('an event of the kind %s', (_, event) => {
  it('is what it was when its line is read', () => {
    expect(read(event)).toStrictEqual(event);
  });

  it('has every number that JSON has none for, or is refused where such a number can never be', () => {
    const all = [NaN, Infinity, -Infinity, -0].flatMap((other) => withEachNumber(event, other));
    const taken = all.filter((each) => !('problem' in read(each)));

    expect(all.length).toBeGreaterThanOrEqual(8);
    for (const each of taken) expect(read(each)).toStrictEqual(each);
    if ('loss' in event) expect(taken).toContainEqual({ ...event, loss: NaN });
    if (event.type === 'end') expect(taken).toContainEqual({ ...event, best: NaN });
  });

  it('is refused without what makes it of that kind', () => {
    const own = Object.keys(event).filter((key) => !['type', 'globalStep', 'epoch'].includes(key));
    const refused = own.filter((key) => 'problem' in read({ ...event, [key]: undefined }));

    expect(refused).not.toStrictEqual([]);
  });
});
