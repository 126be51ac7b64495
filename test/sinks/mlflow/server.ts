import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const present = spawnSync('python3', ['-c', 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))', 'mlflow', 'flask_cors', 'sqlalchemy', 'alembic', 'graphene']).status === 0; // prettier-ignore

/** What gets a server; skinny, since the whole of MLflow brings along scikit-learn and the like, which a server does not need. */
const PACKAGES = 'mlflow-skinny flask flask-cors sqlalchemy alembic graphene aiohttp cryptography huey';

/** Why there is no MLflow to test with; empty if there is one. In CI that is no excuse. */
export const missing =
  process.env['CI'] === 'true' || present ? '' : ` (skipped: no server; python3 -m pip install ${PACKAGES} gets one)`;

// MLflow's own server, as `mlflow server` starts it, without the processes beside it; and its client, which asks it by HTTP as any other would: to import
// MLflow once more takes seconds. It ends when its input does, which is when this process ends.
const SERVER = `
import json, os, sys, threading
folder, port = sys.argv[1], int(sys.argv[2])
os.environ.update(
    _MLFLOW_SERVER_FILE_STORE=f'sqlite:///{folder}/runs.db',
    _MLFLOW_SERVER_ARTIFACT_DESTINATION=f'{folder}/artifacts',
    _MLFLOW_SERVER_ARTIFACT_ROOT='mlflow-artifacts:/',
    _MLFLOW_SERVER_SERVE_ARTIFACTS='true',
)
from mlflow.server import app
from werkzeug.serving import make_server
server = make_server('127.0.0.1', port, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    from mlflow import MlflowClient
    client = MlflowClient(f'http://127.0.0.1:{port}')
    print(json.dumps(eval(json.loads(line))), flush=True)`;

/** A run as the REST API has it. */
export interface MlflowRunRead {
  readonly info: {
    readonly run_id: string;
    readonly run_name: string;
    readonly status: string;
    readonly start_time: number;
    readonly end_time?: number;
    readonly artifact_uri: string;
  };
  readonly data: Readonly<Partial<Record<'metrics' | 'params' | 'tags', { key: string; value?: string }[]>>>;
}

/** An MLflow server with a database and artifacts of its own. */
export interface Mlflow {
  readonly url: string;
  /** What its REST API answers. */
  get(path: string, body?: object): Promise<unknown>;
  /** The runs of an experiment, the oldest first. */
  runsOf(experiment: string): Promise<MlflowRunRead[]>;
  /** Step and value of a run's metric, as they came. */
  historyOf(run: MlflowRunRead, key: string): Promise<[number, number | string][]>;
  /** A file of a run's, as JSON. */
  artifactOf(run: MlflowRunRead, path: string): Promise<unknown>;
  /** What Python's client makes of it: the value of an expression in which `client` is one, as JSON. */
  python(expression: string): Promise<unknown>;
  /** Kills it (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again, at the same place. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server. */
export async function startMlflow(): Promise<Mlflow> {
  const folder = mkdtempSync(join(tmpdir(), 'mlflow-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let server: ChildProcess | undefined;
  let complaints = '';
  const start = async (): Promise<void> => {
    const started = spawn('python3', ['-c', SERVER, folder, String(port)], { stdio: ['pipe', 'pipe', 'pipe'] });
    server = started;
    complaints = '';
    started.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
    await Promise.race([once(started.stdout, 'data'), once(started, 'exit')]);
    if (started.exitCode !== null) throw new Error(`MLflow must start: ${complaints}`);
  };
  const kill = async (): Promise<void> => {
    const ended = once(server!, 'exit');
    server!.kill('SIGKILL');
    await ended;
    server = undefined;
  };
  const get: Mlflow['get'] = async (path, body) => {
    const answer = await fetch(`${url}/api/2.0/${path}`, {
      ...(body && { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return answer.headers.get('content-type')?.includes('json') ? answer.json() : answer.text();
  };
  await start();
  return {
    url,
    get,
    runsOf: async (experiment) => {
      const name = encodeURIComponent(experiment);
      const found = await get(`mlflow/experiments/get-by-name?experiment_name=${name}`);
      const { experiment_id } = (found as { experiment: { experiment_id: string } }).experiment;
      const asked = { experiment_ids: [experiment_id], order_by: ['attributes.start_time ASC'] };
      return ((await get('mlflow/runs/search', asked)) as { runs?: MlflowRunRead[] }).runs ?? [];
    },
    historyOf: async ({ info }, key) => {
      const answer = await get(`mlflow/metrics/get-history?run_id=${info.run_id}&metric_key=${encodeURIComponent(key)}`); // prettier-ignore
      const { metrics = [] } = answer as { metrics?: { step: number; value: number | string }[] };
      return metrics.map(({ step, value }) => [step, value]);
    },
    artifactOf: async ({ info }, path) => {
      const answer = await get(`mlflow-artifacts/artifacts${new URL(info.artifact_uri).pathname}/${path}`);
      return typeof answer === 'string' ? JSON.parse(answer) : answer;
    },
    python: async (expression) => {
      const { stdin, stdout, stderr } = server!;
      stdin!.write(`${JSON.stringify(expression)}\n`);
      const lines = createInterface({ input: stdout! });
      const [said] = (await Promise.race([once(lines, 'line'), once(stderr!, 'end')])) as [string?];
      lines.close();
      if (said === undefined) throw new Error(complaints);
      return JSON.parse(said);
    },
    kill,
    start,
    stop: async () => {
      if (server) await kill();
      rmSync(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await once(probe.listen(0, '127.0.0.1'), 'listening');
  const { port } = probe.address() as AddressInfo;
  await once(probe.close(), 'close');
  return port;
}
