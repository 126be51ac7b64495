import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { SourceError } from '../../src/core/errors.js';
import { jsonl } from '../../src/data/index.js';
import { collect, collectUntilError, watched } from './sources.js';

// Files are opened as ever, and remembered.
vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>();
  return { ...actual, open: vi.fn(actual.open) };
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradstream-jsonl-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('jsonl', () => {
  it('gives the value of each line and skips blank lines', async () => {
    expect(await collect(jsonl(['{"x":1}\n{"x"', ':2}\n\n  \r\n{"x":3}']))).toStrictEqual([
      { x: 1 },
      { x: 2 },
      { x: 3 },
    ]);
  });

  it('takes any line ends, any JSON values, and a byte order mark', async () => {
    expect(await collect(jsonl(['\ufeff1\r\n"two"\n[3]\r\nnull\n']))).toStrictEqual([1, 'two', [3], null]);
  });

  it('gives nothing for nothing', async () => {
    expect(await collect(jsonl([]))).toStrictEqual([]);
    expect(await collect(jsonl(['']))).toStrictEqual([]);
    expect(await collect(jsonl(['\n', '\n']))).toStrictEqual([]);
  });

  it('gives the same values wherever bytes and text are cut', async () => {
    const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 6 }), cuts, async (values, places) => {
        const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
        const parsed = values.map((value) => JSON.parse(JSON.stringify(value)) as unknown);
        const cut = <T extends string | Uint8Array>(whole: T): T[] => {
          const ends = [...new Set(places.filter((place) => place < whole.length)), whole.length].toSorted(
            (a, b) => a - b,
          );
          return ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end) as T);
        };

        expect(await collect(jsonl(cut(text)))).toStrictEqual(parsed);
        expect(await collect(jsonl(cut(new TextEncoder().encode(text))))).toStrictEqual(parsed);
      }),
    );
  });

  it('reads a file by its path or URL, more than once', async () => {
    const path = join(folder, 'points.jsonl');
    await writeFile(path, Array.from({ length: 20_000 }, (_, i) => `{"x":${i},"note":"größer"}\n`).join(''));
    const values = jsonl<{ x: number; note: string }>(path);
    const first = await collect(values);

    expect(first).toHaveLength(20_000);
    expect(first.at(-1)).toStrictEqual({ x: 19_999, note: 'größer' });
    expect(first.every(({ note }) => note === 'größer')).toBe(true);
    expect(await collect(values)).toStrictEqual(first);
    expect(await collect(jsonl(pathToFileURL(path)))).toStrictEqual(first);
  });

  it('opens a file when the first value is asked for, and has closed it by the time an early exit is through', async () => {
    const path = join(folder, 'closing.jsonl');
    await writeFile(path, '1\n2\n');
    vi.mocked(open).mockClear();
    const values = jsonl(path);
    expect(open).not.toHaveBeenCalled();
    for await (const _ of values) break;

    expect(open).toHaveBeenCalledTimes(1);
    const file = await vi.mocked(open).mock.results[0]!.value;
    expect(file.fd).toBe(-1);
  });

  it('reads Node streams and web streams, and closes them at early exit', async () => {
    const readable = Readable.from(['1\n', '2\n', '3\n']);
    for await (const _ of jsonl(readable)) break;
    expect(readable.destroyed).toBe(true);
    expect(await collect(jsonl(Readable.from([Buffer.from('1\n2')])))).toStrictEqual([1, 2]);

    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('1\n')),
      cancel: () => void (cancelled = true),
    });
    for await (const _ of jsonl(stream)) break;
    expect(cancelled).toBe(true);
  });

  it('pulls chunks only as values are asked for, and closes their source at early exit', async () => {
    const { source, seen } = watched(['1\n', '2\n', '3\n']);
    for await (const _ of jsonl(source)) break;

    expect(seen).toMatchObject({ opened: 1, pulled: 1, closed: 1 });
  });

  it('hands the abort signal on to its source', async () => {
    const { source, seen } = watched(['1\n']);
    const abort = new AbortController();
    const values = jsonl(source) as unknown as { [Symbol.asyncIterator](signal: AbortSignal): AsyncIterator<unknown> };
    await values[Symbol.asyncIterator](abort.signal).next();

    expect(seen.signals[0]).toBe(abort.signal);
  });

  it('errors at a broken line with its number, after the values before it', async () => {
    const { source, seen } = watched(['1\n\n2\n{"x":', '}\n3\n']);
    const { values, error } = await collectUntilError(jsonl(source));

    expect(values).toStrictEqual([1, 2]);
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).message).toMatch(/^jsonl: every line must be JSON, line 4 is not: Unexpected token/);
    expect((error as SourceError).batch).toBe(2);
    expect((error as SourceError).cause).toBeInstanceOf(SyntaxError);
    expect(seen.closed).toBe(1);
  });

  it('errors at a last line that was cut off', async () => {
    const { values, error } = await collectUntilError(jsonl(['1\n[2']));

    expect(values).toStrictEqual([1]);
    expect((error as SourceError).message).toContain('line 2');
  });

  it.each(['missing.jsonl', '.'])('errors when %s cannot be read', async (name) => {
    const { error } = await collectUntilError(jsonl(join(folder, name)));

    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).message).toContain(
      `jsonl: the file must be readable, ${join(folder, name)} is not: E`,
    );
    expect((error as SourceError).cause).toMatchObject({ code: name === '.' ? 'EISDIR' : 'ENOENT' });
  });
});
