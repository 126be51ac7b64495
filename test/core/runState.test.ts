import { describe, expect, it } from 'vitest';

import { readSnapshot } from '../../src/core/readSnapshot.js';
import { runState } from '../../src/core/runState.js';

const NAMES = ['constructor', 'toString', '__proto__', '__proto__#2'];

describe('runState', () => {
  it('gives a stage nothing but what was saved of it, whatever it is called', () => {
    const { state } = runState({});
    expect(['constructor', 'toString', '__proto__', '__proto__'].map((name) => state.join(name, () => ({})))).toStrictEqual([undefined, undefined, undefined, undefined]); // prettier-ignore
  });

  it('saves stages of any name, and those that nobody has asked for', async () => {
    const { state, take } = runState(Object.fromEntries([['unasked', { data: 7 }]]));
    for (const name of ['constructor', 'toString', '__proto__', '__proto__']) state.join(name, () => ({ data: name }));
    const taken = state.snapshot();
    take();
    const { stages } = await readSnapshot((await taken)!);
    expect(Object.keys(stages)).toStrictEqual(['unasked', ...NAMES]);
    expect(Object.getPrototypeOf(stages)).toBe(Object.prototype);
  });

  it('says what the next stage of a name is given, and lets none join by it', async () => {
    const { state, take } = runState({ stage: { data: 1 }, 'stage#2': { data: 2 } });
    const seen = [state.saved('stage'), state.saved('stage'), state.join('stage', () => ({ data: 3 })), state.saved('stage'), state.saved('other')]; // prettier-ignore
    expect(seen).toStrictEqual([{ data: 1 }, { data: 1 }, { data: 1 }, { data: 2 }, undefined]);
    const taken = state.snapshot();
    take();
    expect((await readSnapshot((await taken)!)).stages).toMatchObject({ stage: { data: 3 }, 'stage#2': { data: 2 } });
  });
});
