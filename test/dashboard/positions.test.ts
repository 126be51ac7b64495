import { describe, expect, it } from 'vitest';

import { idOf, positionsIn } from '../../src/dashboard/positions.js';

describe('positions', () => {
  it('come back from an id as they went, whatever runs are called', () => {
    const positions = new Map([
      ['this run', { generation: 0, count: 12 }],
      ['a=b&c.d\n\u00e9 %', { generation: 2 ** 31, count: 3e6 }],
    ]);
    const id = idOf(positions);

    expect(id).toMatch(/^[\x21-\x7e]*$/); // no space, no line end: it is a header
    expect(positionsIn(id)).toStrictEqual(positions);
  });

  it.each(['', 'x', 'run=', 'run=1', 'run=1.2.3', 'run=-1.2', 'run=1e3.2', `run=1.${'9'.repeat(40)}`])(
    'are none if they cannot be read: %s',
    (id) => {
      expect(positionsIn(id)).toStrictEqual(new Map());
    },
  );
});
