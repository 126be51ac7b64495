import { describe, expect, it } from 'vitest';

import { checkedStore } from '../../src/checkpoint/checkedStore.js';
import { memoryStore } from '../../src/checkpoint/memoryStore.js';
import { StoreError } from '../../src/checkpoint/storeError.js';
import { CheckpointError } from '../../src/core/errors.js';

const failing = (cause: unknown) => checkedStore('there', { ...memoryStore(), load: () => Promise.reject(cause) });

describe('checkedStore', () => {
  it.each<[string, unknown, string]>([
    ["an error's message", new Error('away'), 'away'],
    ['its code, if it has no message', Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    ['its name, if that is all', new DOMException('', 'QuotaExceededError'), 'QuotaExceededError'],
    ['whatever was thrown', 'no', 'no'],
  ])('tells %s', async (_, cause, told) => {
    const error = await failing(cause)
      .load('a')
      .catch((reason: unknown) => reason);
    expect(error).toStrictEqual(new StoreError(`there: checkpoint 'a' could not be loaded: ${told}`, 'there', 'a', { cause })); // prettier-ignore
    expect((error as Error).cause).toBe(cause);
  });

  it.each([new CheckpointError('broken'), new StoreError('below', 'below', 'a')])('passes %s on', async (cause) => {
    await expect(failing(cause).load('a')).rejects.toBe(cause);
  });
});
