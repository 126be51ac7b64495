import type { IncomingMessage, ServerResponse } from 'node:http';

import * as v from 'valibot';

import { bears } from './access.js';
import { Refused } from './refused.js';
import { COMMANDS, type Command } from './protocol.js';
import { readBody } from './readBody.js';
import type { ShownRun } from './shownRun.js';

const step = (otherwise: number) =>
  v.optional(v.pipe(v.string(), v.transform(Number), v.number(), v.minValue(0)), String(otherwise));
const count = (least: number, most: number, otherwise: number) =>
  v.optional(
    v.pipe(v.string(), v.transform(Number), v.integer(), v.minValue(least), v.maxValue(most)),
    String(otherwise),
  );

const Query = v.object({
  run: v.string(),
  from: step(0),
  to: step(Number.MAX_SAFE_INTEGER),
  pixels: count(1, 4000, 600),
  every: count(1, 1e9, 1),
  alpha: v.optional(v.pipe(v.string(), v.transform(Number), v.number(), v.gtValue(0), v.maxValue(1)), '0.02'),
});

const Asked = v.object({
  command: v.picklist(COMMANDS),
  value: v.exactOptional(v.pipe(v.number(), v.finite(), v.gtValue(0))),
});

/** A part of a run, as JSON. */
export function seriesFor(query: URLSearchParams, runs: ReadonlyMap<string, ShownRun>): string {
  const parsed = v.safeParse(Query, Object.fromEntries(query));
  if (!parsed.success) throw new Refused(400, wrong(parsed.issues));
  const { run, alpha, ...range } = parsed.output;
  const shown = runs.get(run);
  if (!shown) throw new Refused(404, `there is no run '${run}'`);
  return JSON.stringify(shown.log.series(range, alpha));
}

/** What a request asks to be done: JSON, from somebody who has the token. */
export async function commandIn(request: IncomingMessage, token: string): Promise<Command> {
  if (!bears(request.headers, token))
    throw new Refused(401, 'control needs the token that is part of the printed address');
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw new Refused(415, 'the body must be application/json');
  let json: unknown;
  try {
    json = JSON.parse(await readBody(request));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refused(400, `the body must be JSON: ${error.message}`);
    throw error;
  }
  const parsed = v.safeParse(Asked, json);
  if (!parsed.success) throw new Refused(400, wrong(parsed.issues));
  if (parsed.output.command === 'learningRate' && parsed.output.value === undefined)
    throw new Refused(400, 'learningRate needs a value');
  return parsed.output;
}

/** Ends a response with JSON. */
export function sendJson(response: ServerResponse, json: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(json);
}

function wrong([issue]: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  return `${v.getDotPath(issue) ?? 'it'}: ${issue.message}`;
}
