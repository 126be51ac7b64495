import { expect, it } from 'vitest';

import { storeCases, type Place } from './storeCases.js';

/** What every store is held to. `run` does a case at a fresh place: here, unless the store lives elsewhere. */
export function itKeepsTheStoreContract(run: (name: string) => Promise<unknown>): void {
  it.each(Object.entries(storeCases))('%s', async (name, { gives }) => {
    expect(await run(name)).toStrictEqual(gives);
  });
}

/** Does a case in this process. */
export const here =
  (fresh: () => Place | Promise<Place>) =>
  async (name: string): Promise<unknown> =>
    storeCases[name]!.run(await fresh());
