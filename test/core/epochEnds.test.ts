import { concat, lastValueFrom, map, toArray } from 'rxjs';
import { expect, it } from 'vitest';

import { fromPull } from '../../src/core/fromPull.js';
import { END, EPOCH_END, withEnds } from '../../src/core/run.js';

it('says of each run that comes, one after the other, where its epochs and it end', async () => {
  const runs$ = concat(fromPull([{ n: 1 }], { epochs: 2 }), fromPull([{ n: 2 }, { n: 3 }]));
  const words = new Map<unknown, string>([[EPOCH_END, 'epoch'], [END, 'end']]); // prettier-ignore
  const said$ = runs$.pipe(withEnds(), map((value) => (typeof value === 'object' ? value.n : words.get(value)))); // prettier-ignore

  expect(await lastValueFrom(said$.pipe(toArray()))).toStrictEqual([1, 'epoch', 1, 'epoch', 'end', 2, 3, 'epoch', 'end']); // prettier-ignore
});
