import { describe, expect, it } from 'vitest';

import { waits } from '../../src/core/waits.js';
import { word } from '../../src/core/word.js';

describe('word', () => {
  it('is told to all who listen, and to who begins to meanwhile when what came before is done, each once', async () => {
    const { hold, settled } = waits();
    const { heard$, tell } = word(settled);
    const said: string[] = [];
    const listen = (name: string, after: readonly string[]): void =>
      void heard$.subscribe(() => {
        said.push(name);
        const [next, ...rest] = after;
        if (!next) return;
        const release = hold();
        void Promise.resolve().then(() => {
          said.push(`${name} is done`);
          listen(next, rest);
          release();
        });
      });

    listen('first', ['second', 'third']);
    await tell();
    expect(said).toStrictEqual(['first', 'first is done', 'second', 'second is done', 'third']);

    said.length = 0;
    await word(settled).tell(); // another
    expect(said).toStrictEqual([]);
  });
});
