import type { CheckpointStore, Files } from '../../src/checkpoint/store.js';

/** Where a store keeps things. */
export interface Place {
  /** Opens it; again and again, as another process would. */
  open(): CheckpointStore;
  /** Everything that lies in it and around it. */
  contents(): Promise<string[]>;
}

/** What every store must do: does something with one, and says what came of it as plain data, so that it can run in a page. */
export interface StoreCase {
  run(place: Place): Promise<unknown>;
  readonly gives: unknown;
}

const files = (n: number): Files => ({ 'a.bin': Uint8Array.of(n, 2, 3), 'b.json': Uint8Array.of(n) });
const numbers = (count: number): Uint8Array => new Uint8Array(count).map((_, i) => i * 7 + (i >> 8));
/** A save that fails at its second file, in every store: it has no bytes. */
const broken = (n: number): Files => ({ 'a.bin': numbers(100_000 + n), 'b.bin': Symbol('no bytes') as never });

const NOT_NAMES = ['', '.', '..', '../x', '..\\x', 'a/b', '/a', '.hidden', 'a.b', 'a b', 'ä', 'a\n', 'a\0', 'x'.repeat(101)]; // prettier-ignore
const NOT_FILES = ['', '.', '..', '../x', 'a/b', '/a', '..\\x', '.hidden', 'a b', 'a\n', 'x'.repeat(101)];

/** Every case by its name, which is a sentence. */
export const storeCases: Readonly<Record<string, StoreCase>> = {
  'is empty at first': {
    run: ({ open }) => open().list(),
    gives: [],
  },
  'gives back what was saved, byte for byte, when it is opened anew, too': {
    run: async ({ open }) => {
      const saved = {
        'empty.bin': new Uint8Array(),
        'large.bin': numbers(5 * 2 ** 20),
        'part.bin': numbers(1000).subarray(300, 600),
        'a-b_c.1.json': Uint8Array.of(0, 255, 10, 13, 128),
      };
      const store = open();
      await store.save('first', saved);
      return [equal(await store.load('first'), saved), equal(await open().load('first'), saved)];
    },
    gives: [true, true],
  },
  'lists names in their order as text': {
    run: async ({ open }) => {
      const store = open();
      for (const name of ['10', '9', 'b', 'a', 'B', '_', '-', '0000000002-1', '0000000010-1'])
        await store.save(name, files(1));
      return [await store.list(), await open().list()];
    },
    gives: Array(2).fill(['-', '0000000002-1', '0000000010-1', '10', '9', 'B', '_', 'a', 'b']),
  },
  'replaces what has the same name, whole': {
    run: async ({ open, contents }) => {
      const store = open();
      await store.save('same', files(1));
      const before = (await contents()).length;
      await store.save('same', { ...files(2), 'c.bin': Uint8Array.of(9) });
      await store.save('same', files(3));
      return [await store.list(), equal(await store.load('same'), files(3)), (await contents()).length - before];
    },
    gives: [['same'], true, 0],
  },
  'removes everything, and what is not there without a word': {
    run: async ({ open, contents }) => {
      const store = open();
      await store.save('stays', files(1));
      const before = await contents();
      await store.save('goes', files(2));
      await store.remove('goes');
      await store.remove('never-was');
      const same = JSON.stringify(await contents()) === JSON.stringify(before);
      return [await store.list(), await refusal(store.load('goes')), same];
    },
    gives: [['stays'], 'CheckpointError', true],
  },
  'refuses to load what is not there': {
    run: async ({ open }) => [await refusal(open().load('none')), await open().list()],
    gives: ['CheckpointError', []],
  },
  'refuses names that are none, and touches nothing': {
    run: async ({ open, contents }) => {
      const store = open();
      await store.save('a', files(1));
      const before = JSON.stringify(await contents());
      const refusals: string[] = [];
      for (const name of NOT_NAMES) {
        refusals.push(await refusal(store.save(name, files(2))));
        refusals.push(await refusal(store.load(name)));
        refusals.push(await refusal(store.remove(name)));
      }
      for (const file of NOT_FILES) refusals.push(await refusal(store.save('b', { [file]: Uint8Array.of(1) })));
      return [refusals, JSON.stringify(await contents()) === before, equal(await store.load('a'), files(1))];
    },
    gives: [Array(3 * NOT_NAMES.length + NOT_FILES.length).fill('CheckpointError'), true, true],
  },
  'takes names as long as they may be, and of any kind that may be': {
    run: async ({ open }) => {
      const store = open();
      const [long, odd] = ['x'.repeat(100), '__proto__'];
      const saved = { [long]: Uint8Array.of(1), constructor: Uint8Array.of(2) };
      await store.save(long, saved);
      await store.save(odd, saved);
      return [await store.list(), equal(await store.load(long), saved), equal(await store.load(odd), saved)];
    },
    gives: [['__proto__', 'x'.repeat(100)], true, true],
  },
  'leaves nothing of a save that fails half-way, and the next save works': {
    run: async ({ open, contents }) => {
      const store = open();
      await store.save('old', files(1));
      const before = (await contents()).length;
      const refusals = [await refusal(store.save('new', broken(1))), await refusal(store.save('old', broken(2)))];
      const seen = [await store.list(), equal(await open().load('old'), files(1)), await refusal(store.load('new'))];
      await store.save('old', files(3));
      const rests = (await contents()).length - before;
      await store.save('new', files(4));
      return [
        refusals,
        seen,
        rests,
        equal(await store.load('old'), files(3)),
        equal(await store.load('new'), files(4)),
      ];
    },
    gives: [['StoreError', 'StoreError'], [['old'], true, 'CheckpointError'], 0, true, true],
  },
  'saves several at once': {
    run: async ({ open }) => {
      const store = open();
      const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
      const outcomes = await Promise.all([
        ...names.map((name, i) => refusal(store.save(name, files(i)))),
        refusal(store.save('broken', broken(1))),
      ]);
      const loaded = await Promise.all(names.map(async (name, i) => equal(await store.load(name), files(i))));
      return [outcomes, await open().list(), loaded];
    },
    gives: [
      [...Array<string>(8).fill('none'), 'StoreError'],
      Array.from({ length: 8 }, (_, i) => `n${i}`),
      Array(8).fill(true),
    ],
  },
  'keeps one of several that are saved under one name at once, whole': {
    run: async ({ open }) => {
      const store = open();
      await Promise.all([1, 2, 3, 4].map((n) => store.save('same', files(n))));
      const loaded = await store.load('same');
      return [await store.list(), equal(loaded, files(loaded['a.bin']![0]!))];
    },
    gives: [['same'], true],
  },
  'keeps and gives bytes of its own': {
    run: async ({ open }) => {
      const store = open();
      const mine = files(1);
      await store.save('a', mine);
      mine['a.bin']![0] = 77;
      const given = await store.load('a');
      given['a.bin']![0] = 88;
      return [equal(await store.load('a'), files(1)), mine['a.bin']!.byteLength];
    },
    gives: [true, 3],
  },
};

/** The name of the error that a promise rejects with, or 'none'. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error as Error).name,
  );
}

function equal(one: Files, other: Files): boolean {
  const names = Object.keys(one).sort();
  return (
    JSON.stringify(names) === JSON.stringify(Object.keys(other).sort()) &&
    names.every((name) => {
      const [a, b] = [one[name]!, other[name]!];
      return a instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]);
    })
  );
}
