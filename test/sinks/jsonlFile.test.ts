import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { from, lastValueFrom, map, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { tee } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { SinkError } from '../../src/core/sinkError.js';
import { jsonlFile } from '../../src/sinks/jsonlFile.js';
import { stepEvent } from '../../src/testing/steps.js';
import { eventLine } from '../../src/trainer/eventLine.js';
import { replay } from '../../src/trainer/replay.js';
import { sinkContract } from './contract.js';
import { freshFile } from './freshFile.js';

/** An event without the run that it is of. */
const plain = (event: TrainingEvent): TrainingEvent => structuredClone({ ...event });

sinkContract('jsonlFile', {
  make: () => {
    const { path, ...place } = freshFile('events.jsonl');
    return {
      ...place,
      sink: () => jsonlFile(path),
      read: () => lastValueFrom(replay(path).pipe(map(plain), toArray())),
    };
  },
  holds: (events) => events,
});

const lineOf = (globalStep: number): string => `${eventLine(stepEvent(globalStep, { loss: 1 / globalStep }))}\n`;
const linesOf = (...steps: readonly number[]): string => steps.map(lineOf).join('');
const run = (path: string, ...steps: readonly number[]): Promise<TrainingEvent> =>
  lastValueFrom(from(steps.map((n) => stepEvent(n, { loss: 1 / n }))).pipe(tee(jsonlFile(path))));

describe('jsonlFile, where there is a file', () => {
  const places: (() => void)[] = [];
  afterEach(() => places.splice(0).forEach((dispose) => dispose()));
  const fileOf = (text: string): string => {
    const { path, dispose } = freshFile('events.jsonl');
    places.push(dispose);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  };

  it('goes on from a last line that is torn, wherever it is', async () => {
    const last = lineOf(3);
    for (let cut = 0; cut < last.length; cut += 1) {
      const path = fileOf(linesOf(1, 2) + last.slice(0, cut));
      await run(path, 3, 4);

      expect(readFileSync(path, 'utf8')).toBe(linesOf(1, 2, 3, 4));
    }
  });

  it('goes on from a first line that is torn', async () => {
    for (const cut of [0, 1, 2, 10]) {
      const path = fileOf(lineOf(1).slice(0, cut));
      await run(path, 1, 2);

      expect(readFileSync(path, 'utf8')).toBe(linesOf(1, 2));
    }
  });

  it('keeps a last line that only lacks its end', async () => {
    const path = fileOf(linesOf(1, 2).trimEnd());
    await run(path, 3);

    expect(readFileSync(path, 'utf8')).toBe(linesOf(1, 2, 3));
  });

  it('takes the place of a recording when the run starts over', async () => {
    const path = fileOf(linesOf(1, 2, 3));
    await run(path, 1);

    expect(readFileSync(path, 'utf8')).toBe(linesOf(1));
  });

  it.each([
    ['a line that is broken', `${lineOf(1)}{"type":"st\n${lineOf(2)}`, 2, 'JSON'],
    ['a last line that is broken and has its end', `${lineOf(1)}{"type":"st\n`, 2, 'JSON'],
    ['a line that is no event', `${linesOf(1, 2)}{"loss":1}\n${lineOf(3)}`, 3, 'type'],
    ['an event without a loss', `{"type":"step","globalStep":1,"epoch":1}\n`, 1, 'microStep'],
    ['a text', 'my thesis, the only copy', 1, 'JSON'],
    ['a text of two lines', 'my thesis\nthe only copy\n', 1, 'JSON'],
    ['other JSON', '{"learningRate":0.1}', 1, 'type'],
    ['other JSON on many lines', '{\n  "learningRate": 0.1\n}\n', 1, 'JSON'],
  ])('refuses %s, and leaves the file as it is', async (_, text, line, problem) => {
    const path = fileOf(text);
    const failure = await run(path, 1).then(() => undefined, (error: unknown) => error as Error); // prettier-ignore

    expect(failure).toBeInstanceOf(SinkError);
    expect(failure!.cause).toBeInstanceOf(SinkError);
    expect(failure!.message).toContain(`every line of ${path} must be an event, line ${line} is not: `);
    expect(failure!.message).toContain(problem);
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(readdirSync(dirname(path))).toStrictEqual(['events.jsonl']);
  });
});
