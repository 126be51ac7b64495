import { asyncScheduler } from 'rxjs';

import { jsonOf, leavesOf, type HyperParameters } from '../hyperParameters.js';
import { MlflowError } from './mlflowError.js';
import { nameOf, valueOf } from './names.js';
import type { Requests } from './server.js';

/** What a run is begun with. */
export interface RunOptions {
  readonly name?: string;
  readonly resume: boolean;
  readonly hyperParameters: HyperParameters;
  readonly tags: Readonly<Record<string, string>>;
}

/** One number at one step, as MLflow keeps it. */
export interface MlflowMetric {
  readonly key: string;
  readonly value: number | string;
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** How MLflow says that a run is over. */
export type RunStatus = 'FINISHED' | 'FAILED' | 'KILLED';

/** A run on a server. */
export interface MlflowRun {
  log(metrics: readonly MlflowMetric[]): Promise<void>;
  tag(tags: Readonly<Record<string, string>>): Promise<void>;
  /** Keeps a file under the run's artifacts. */
  upload(path: string, bytes: Uint8Array): Promise<void>;
  end(status: RunStatus): Promise<void>;
}

/** What the server tells of a run. */
interface RunInfo {
  readonly run_id: string;
  readonly artifact_uri: string;
}

/** MLflow takes so many parameters, and so many tags, at once. */
const MOST = 100;

/** Begins a run in an experiment, which is made if it is not there, or goes on with the newest of that name. */
export async function openRun(server: Requests, experiment: string, options: RunOptions): Promise<MlflowRun> {
  const { name, resume, hyperParameters, tags } = options;
  const experimentId = await experimentNamed(server, experiment);
  const found = resume && name !== undefined ? await newestRun(server, experimentId, name) : undefined;
  const { run_id, artifact_uri } = found ?? (await newRun(server, experimentId, name));
  const logBatch = async (entries: object): Promise<void> => {
    await server.call('mlflow/runs/log-batch', { run_id, ...entries });
  };
  const inLots = async (kind: 'params' | 'tags', entries: readonly object[]): Promise<void> => {
    for (let at = 0; at < entries.length; at += MOST) await logBatch({ [kind]: entries.slice(at, at + MOST) });
  };
  const tag: MlflowRun['tag'] = (given) =>
    inLots('tags', Object.entries(given).map(([key, value]) => ({ key, value: valueOf(value) }))); // prettier-ignore
  const upload: MlflowRun['upload'] = (path, bytes) => server.put(`${proxied(artifact_uri)}/${escaped(path)}`, bytes);

  await tag(tags);
  const leaves = leavesOf(hyperParameters, 'mlflow: hyperParameters');
  await inLots('params', leaves.map(([name, value]) => ({ key: nameOf(name), value: valueOf(textOf(value)) }))); // prettier-ignore
  if (leaves.length > 0) await upload('config.json', new TextEncoder().encode(`${jsonOf(hyperParameters, 2)}\n`));
  return {
    log: (metrics) => logBatch({ metrics }),
    tag,
    upload,
    end: async (status) => {
      await server.call('mlflow/runs/update', { run_id, status, end_time: asyncScheduler.now() });
    },
  };
}

async function experimentNamed(server: Requests, name: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const path = `mlflow/experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
    return (await server.call<{ experiment: { experiment_id: string } }>(path))?.experiment.experiment_id;
  };
  const found = await find();
  if (found !== undefined) return found;
  try {
    return (await server.call<{ experiment_id: string }>('mlflow/experiments/create', { name }))!.experiment_id;
  } catch (error) {
    const id = error instanceof MlflowError && error.code === 'RESOURCE_ALREADY_EXISTS' ? await find() : undefined;
    if (id === undefined) throw error;
    return id; // somebody else was a little faster
  }
}

async function newRun(server: Requests, experimentId: string, name?: string): Promise<RunInfo> {
  const start = { experiment_id: experimentId, run_name: name, start_time: asyncScheduler.now() };
  return (await server.call<{ run: { info: RunInfo } }>('mlflow/runs/create', start))!.run.info;
}

async function newestRun(server: Requests, experimentId: string, name: string): Promise<RunInfo | undefined> {
  const answer = await server.call<{ runs?: { info: RunInfo }[] }>('mlflow/runs/search', {
    experiment_ids: [experimentId],
    filter: `attributes.run_name = ${name.includes("'") ? `"${name}"` : `'${name}'`}`, // nothing can be escaped there
    order_by: ['attributes.start_time DESC'],
    max_results: 1,
  });
  const info = answer?.runs?.[0]?.info;
  if (info) await server.call('mlflow/runs/update', { run_id: info.run_id, status: 'RUNNING' });
  return info;
}

/** Where a server takes in what it keeps elsewhere. */
function proxied(artifactUri: string): string {
  if (!artifactUri.startsWith('mlflow-artifacts:'))
    throw new MlflowError(
      `mlflow: the server must keep artifacts itself (mlflow server --serve-artifacts), it wants them at ${artifactUri}`,
    );
  return `api/2.0/mlflow-artifacts/artifacts${new URL(artifactUri).pathname}`;
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? jsonOf(value) : String(value);
}

const escaped = (path: string): string => path.split('/').map(encodeURIComponent).join('/');
