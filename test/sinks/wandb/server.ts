import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { parsePythonJson, withoutTimes, type Shown } from './runs.js';

const present = spawnSync('python3', ['-c', 'import importlib.util as u, sys; sys.exit(not u.find_spec("wandb"))']).status === 0; // prettier-ignore

/** Why there is no W&B to upload with; empty if there is one. In CI that is no excuse. */
export const missing =
  process.env['CI'] === 'true' || present ? '' : ' (skipped: no W&B; python3 -m pip install wandb gets one)';

/** What W&B's server is told of a run. */
export interface Arrived {
  id?: string;
  project?: string;
  name?: string;
  tags?: string[];
  config: Record<string, unknown>;
  /** By offset, as the server keeps it. */
  rows: Shown[];
  summary: Record<string, unknown>;
  complete?: boolean;
  exitCode?: number;
}

/** A question to its GraphQL. */
interface Query {
  readonly query: string;
  readonly variables: {
    readonly name?: string;
    readonly project?: string;
    readonly displayName?: string | null;
    readonly tags?: string[] | null;
    readonly config?: string | null;
    readonly files?: string[];
  };
}

/** Lines of files, from an offset on. */
interface Stream {
  readonly files?: Record<string, { readonly offset: number; readonly content: string[] }>;
  readonly complete?: boolean;
  readonly exitcode?: number;
}

/** A stand-in for W&B's server: as much of its GraphQL and of its file streams as an upload needs. */
export interface WandbServer {
  /** Uploads a run with W&B's own program; gives what has come by now. */
  sync(folder: string, ...options: string[]): Promise<Arrived>;
  stop(): Promise<void>;
}

export async function startWandb(): Promise<WandbServer> {
  let arrived: Arrived;
  const forget = (): Arrived => (arrived = { config: {}, rows: [], summary: {} });
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(request.url!, body)));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const answer = (path: string, body: string): unknown => {
    if (path === '/graphql') return { data: graphql(JSON.parse(body) as Query) };
    if (path.endsWith('/file_stream')) stream(JSON.parse(body) as Stream);
    return {};
  };
  const graphql = ({ query, variables }: Query): unknown => {
    if (query.includes('UpsertBucket')) {
      const { name: id, project, displayName, tags, config } = variables;
      Object.assign(arrived, { id, project, name: displayName ?? arrived.name, tags: tags ?? arrived.tags });
      const told = JSON.parse(config ?? '{}') as Record<string, { value: unknown }>;
      for (const [key, { value }] of Object.entries(told)) if (key !== '_wandb') arrived.config[key] = value;
      const found = { id: 'b', name: id, displayName, config, historyLineCount: 0 };
      return { upsertBucket: { bucket: { ...found, project: { id: 'p', name: project, entity: { id: 'e', name: 'us' } } }, inserted: true } }; // prettier-ignore
    }
    if (query.includes('CreateRunFiles')) {
      const files = variables.files!.map((name) => ({ name, uploadUrl: `${url}/upload/${name}` }));
      return { createRunFiles: { runID: 'b', uploadHeaders: [], files } };
    }
    throw new Error(`this query is not known: ${query}`);
  };
  const stream = ({ files = {}, complete, exitcode }: Stream): void => {
    const { 'wandb-history.jsonl': history, 'wandb-summary.json': summary } = files;
    history?.content.forEach((line, i) => {
      arrived.rows[history.offset + i] = withoutTimes(parsePythonJson(line) as Shown);
    });
    if (summary) arrived.summary = parsePythonJson(summary.content.at(-1)!) as Shown;
    if (complete) Object.assign(arrived, { complete, exitCode: exitcode });
  };
  return {
    sync: async (folder, ...options) => {
      const result = forget();
      const home = Object.fromEntries(['CONFIG', 'CACHE', 'DATA'].map((kind) => [`WANDB_${kind}_DIR`, join(dirname(dirname(folder)), kind)])); // prettier-ignore
      const env = { ...process.env, ...home, WANDB_DIR: dirname(dirname(folder)), WANDB_BASE_URL: url, WANDB_API_KEY: 'k'.repeat(40), WANDB_ERROR_REPORTING: 'false' }; // prettier-ignore
      const { stderr } = await promisify(execFile)('python3', ['-m', 'wandb', 'sync', ...options, folder], { env, timeout: 60_000 }); // prettier-ignore
      if (!stderr.includes('Finished syncing')) throw new Error(`wandb sync must finish: ${stderr}`);
      return result;
    },
    stop: async () => {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
