import { defer, firstValueFrom, retry, throwError, timer } from 'rxjs';

import { assertPositive, assertPositiveInteger, messageOf } from '../../core/errors.js';
import { connectionTo } from './connection.js';
import { MlflowError } from './mlflowError.js';

/** A tracking server, and how patiently it is asked. */
export interface MlflowServer {
  /** Where it is: `http://127.0.0.1:5000`; what `MLFLOW_TRACKING_URI` says unless given. */
  readonly url?: string;
  /** Sent along with every request: `{ authorization: 'Bearer …' }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How often a request is tried again while the server is away; 6 unless given. */
  readonly times?: number;
  /** How long is waited before that, in milliseconds, twice as long each time; 1000 unless given, which bridges a minute in all. */
  readonly delayMs?: number;
  /** How long one request may take, in milliseconds; 120 000 unless given. */
  readonly timeoutMs?: number;
}

/** What is asked of a server. */
export interface Requests {
  /** A call of the REST API, by the path behind `api/2.0/`: POST with a body, GET without; undefined if there is no such thing. */
  call<T>(path: string, body?: object): Promise<T | undefined>;
  /** Puts bytes at an address of the server's. */
  put(path: string, bytes: Uint8Array): Promise<void>;
}

/** Statuses that say "later": a second try may help. */
const LATER = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Asks a server over HTTP, and again while it is away.
 *
 * Asking twice does no harm where the first answer was lost: to MLflow, a metric of the same step, time and value is the same metric. Only a run that
 * was made unheard stays there, empty.
 */
export function requestsTo(server: MlflowServer): Requests {
  const { url, headers: given = {}, times = 6, delayMs = 1000, timeoutMs = 120_000 } = server;
  const { root, headers } = connectionTo(url, given);
  assertPositiveInteger(times, 'mlflow: times');
  assertPositive(delayMs, 'mlflow: delayMs');
  assertPositive(timeoutMs, 'mlflow: timeoutMs');

  const ask = async (path: string, type: string, init: RequestInit): Promise<string> => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await fetch(new URL(path, root), { ...init, signal, headers: { ...headers, 'content-type': type } }); // prettier-ignore
      const text = await answer.text();
      if (!answer.ok) throw refusal(answer.status, text, path);
      return text;
    } catch (cause) {
      if (cause instanceof MlflowError) throw cause;
      throw new MlflowError(`mlflow: ${root.origin} must answer, it does not: ${reasonOf(cause)}`, undefined, undefined, { cause }); // prettier-ignore
    }
  };
  const delay = (error: MlflowError, attempt: number) => {
    const hopeless = error.status !== undefined && !LATER.has(error.status);
    return hopeless ? throwError(() => error) : timer(delayMs * 2 ** (attempt - 1));
  };
  const insisting = (...request: Parameters<typeof ask>): Promise<string> =>
    firstValueFrom(defer(() => ask(...request)).pipe(retry({ count: times, delay })));
  return {
    call: async <T>(path: string, body?: object) => {
      const request = body ? { method: 'POST', body: JSON.stringify(body) } : {};
      try {
        return parsed(await insisting(`api/2.0/${path}`, 'application/json', request), path) as T;
      } catch (error) {
        if (error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
        throw error;
      }
    },
    put: async (path, bytes) => {
      await insisting(path, 'application/octet-stream', { method: 'PUT', body: bytes as BodyInit });
    },
  };
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `mlflow: the server must answer ${path} with JSON, it answers ${text.slice(0, 300)}`;
    throw new MlflowError(message, 200, undefined, { cause });
  }
}

function refusal(status: number, text: string, path: string): MlflowError {
  let said: { error_code?: string; message?: string } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // a proxy in between, say, answers in a language of its own
  }
  const message = `mlflow: the server must take ${path}, it answers ${status}: ${said.message ?? text.slice(0, 300)}`;
  return new MlflowError(message, status, said.error_code);
}

/** Node's fetch says "fetch failed", and why in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error ? cause.message || String((cause as { code?: unknown }).code) : messageOf(error);
}
