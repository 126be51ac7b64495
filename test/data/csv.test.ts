import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { map } from 'ix/asynciterable/operators';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { ArgumentError, SourceError } from '../../src/core/errors.js';
import { batch, csv, ndArray } from '../../src/data/index.js';
import { collect, collectUntilError, watched } from './sources.js';

// Files are opened as ever, and remembered.
vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  return { ...actual, open: vi.fn(actual.open) };
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradstream-csv-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('csv', () => {
  it('gives a record for each row, named by the first line, numbers as numbers', async () => {
    expect(await collect(csv(['x,label\n1,"c', 'at"\n2.5,dog\n']))).toStrictEqual([
      { x: 1, label: 'cat' },
      { x: 2.5, label: 'dog' },
    ]);
  });

  it('takes the names of the columns where no line holds them', async () => {
    expect(await collect(csv(['1,2\n3,4'], { columns: ['a', 'b'] }))).toStrictEqual([
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ]);
  });

  it('takes other delimiters, and skips comments and empty lines', async () => {
    const text = '# made by hand\na;b\n\n1;x#1\n#3;4\n5;6\r\n';

    expect(await collect(csv([text], { delimiter: ';', comment: '#' }))).toStrictEqual([
      { a: 1, b: 'x#1' },
      { a: 5, b: 6 },
    ]);
  });

  it('makes numbers of what reads as one, and of nothing else', async () => {
    const rows = await collect(csv(['v\n-1.5e3\n"7"\n 8 \n""\n1a\nNaN\n1 2\n']));

    expect(rows.map(({ v }) => v)).toStrictEqual([-1500, 7, 8, '', '1a', 'NaN', '1 2']);
  });

  it('drops space around names and fields, and keeps it within quotes', async () => {
    expect(await collect(csv(['a , b\n x y , " z"\n']))).toStrictEqual([{ a: 'x y', b: ' z' }]);
  });

  it('keeps an empty field as an empty string', async () => {
    expect(await collect(csv(['a,b\n1,\n']))).toStrictEqual([{ a: 1, b: '' }]);
  });

  it('leaves fields as text if asked to', async () => {
    expect(await collect(csv(['zip\n01067\n'], { cast: false }))).toStrictEqual([{ zip: '01067' }]);
  });

  it('gives nothing for nothing, and for a first line alone', async () => {
    expect(await collect(csv([]))).toStrictEqual([]);
    expect(await collect(csv(['']))).toStrictEqual([]);
    expect(await collect(csv(['a,b\n']))).toStrictEqual([]);
  });

  it('takes a byte order mark, quoted line ends and letters of any alphabet, wherever bytes and text are cut', async () => {
    const text = '\ufeffname,x\n"Zoë, ""Zo""\nand Łódź",1\n日本 😀,2\n';
    const rows = [
      { name: 'Zoë, "Zo"\nand Łódź', x: 1 },
      { name: '日本 😀', x: 2 },
    ];
    const bytes = new TextEncoder().encode(text);
    const letters = [...text];
    const places = (count: number, length: number): number[] =>
      Array.from({ length: Math.ceil(count / length) }, (_, i) => i * length);
    for (let length = 1; length < 20; length += 1) {
      const ofBytes = places(bytes.length, length).map((at) => bytes.slice(at, at + length));
      const ofText = places(letters.length, length).map((at) => letters.slice(at, at + length).join(''));

      expect(await collect(csv(ofBytes))).toStrictEqual(rows);
      expect(await collect(csv(ofText))).toStrictEqual(rows);
    }
  });

  it('reads a file by its path, more than once, and into batches', async () => {
    const path = join(folder, 'points.csv');
    await writeFile(path, `x,y\n${Array.from({ length: 20_000 }, (_, i) => `${i},${i / 2}\n`).join('')}`);
    const rows = csv<{ x: number; y: number }>(path);
    const first = await collect(rows);
    const batches = await collect(
      rows.pipe(
        map(({ x, y }) => ({ xs: ndArray([x]), ys: ndArray(y) })),
        batch(8000),
      ),
    );

    expect(first).toHaveLength(20_000);
    expect(first.at(-1)).toStrictEqual({ x: 19_999, y: 9999.5 });
    expect(batches.map(({ xs }) => xs)).toMatchObject([
      { shape: [8000, 1] },
      { shape: [8000, 1] },
      { shape: [4000, 1] },
    ]);
  });

  it('opens a file when the first row is asked for, and has closed it by the time an early exit is through', async () => {
    const path = join(folder, 'closing.csv');
    await writeFile(path, 'x\n1\n2\n');
    vi.mocked(open).mockClear();
    const rows = csv(path);
    expect(open).not.toHaveBeenCalled();
    for await (const _ of rows) break;

    expect(open).toHaveBeenCalledTimes(1);
    const file = await vi.mocked(open).mock.results[0]!.value;
    expect(file.fd).toBe(-1);
  });

  it('reads Node streams and web streams, and closes them at early exit', async () => {
    const readable = Readable.from(['x\n1\n', '2\n', '3\n']);
    for await (const _ of csv(readable)) break;
    expect(readable.destroyed).toBe(true);

    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('x\n1\n')),
      cancel: () => void (cancelled = true),
    });
    for await (const _ of csv(stream)) break;
    expect(cancelled).toBe(true);
  });

  it('pulls chunks only as rows are asked for', async () => {
    const { source, seen } = watched(['x\n1\n2\n3\n', '4\n', '5\n']);
    for await (const _ of csv(source)) break;

    expect(seen).toMatchObject({ opened: 1, pulled: 1, closed: 1 });
  });

  it('passes an error of its source on, after the rows before it', async () => {
    const failure = new Error('connection lost');
    const { source } = watched(['x\n1\n', '2 and more'], failure);
    const { values, error } = await collectUntilError(csv(source));

    expect(values).toStrictEqual([{ x: 1 }]);
    expect(error).toBe(failure);
  });

  it.each([
    ['too few fields', 'a,b\n1,2\n\n3,4\n5\n6,7\n', 5],
    ['too many fields', 'a,b\n1,2\n3,4\n5,6,7\n6,7\n', 4],
    ['a quote inside a field', 'a,b\n1,2\n3,4\n5,x"y\n6,7\n', 4],
    ['a quote that is not closed', 'a,b\n1,2\n3,4\n5,"6\n', 4],
  ])('errors at a row with %s, and says where, after the rows before it', async (_what, text, line) => {
    const { source, seen } = watched([text]);
    const { values, error } = await collectUntilError(csv(source));

    expect(values).toStrictEqual([
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ]);
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).message).toMatch(new RegExp(`^csv: every row must be whole, line ${line} is not: `));
    expect((error as SourceError).batch).toBe(2);
    expect((error as SourceError).cause).toHaveProperty('code', expect.stringMatching(/^[A-Z_]+$/));
    expect(seen.closed).toBe(1);
  });

  it('errors when a file cannot be read', async () => {
    const { error } = await collectUntilError(csv(join(folder, 'missing.csv')));

    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).cause).toMatchObject({ code: 'ENOENT' });
    expect((error as SourceError).message).toMatch(/^csv: the file must be readable/);
  });

  it.each([{ delimiter: '' }, { comment: '' }])('rejects %j at once', (options) => {
    expect(() => csv(['a'], options)).toThrow(ArgumentError);
  });
});

describe('modules that browsers load', () => {
  it.each(['csv', 'jsonl', 'textChunks'])('%s imports nothing of Node before a path is given', async (name) => {
    const source = await readFile(new URL(`../../src/data/${name}.ts`, import.meta.url), 'utf8');

    expect(source).not.toMatch(/^import .*node:/m);
    expect(source).not.toMatch(/^import (?!type).*'csv-parse'/m);
  });
});
