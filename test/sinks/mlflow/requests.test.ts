import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ArgumentError } from '../../../src/core/errors.js';
import { MlflowError } from '../../../src/sinks/mlflow/mlflowError.js';
import { requestsTo, type MlflowServer } from '../../../src/sinks/mlflow/server.js';
import { startStub, type Fault, type Stub } from './stub.js';

describe('requests to MLflow', () => {
  let stub: Stub;
  beforeEach(async () => {
    stub = await startStub();
    for (const name of ['URI', 'USERNAME', 'PASSWORD', 'TOKEN']) vi.stubEnv(`MLFLOW_TRACKING_${name}`, '');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await stub.stop();
  });
  const requests = (server: MlflowServer = {}) => requestsTo({ url: stub.url, delayMs: 1, ...server });
  const failureOf = (work: Promise<unknown>) => work.then(() => undefined, (error: unknown) => error as MlflowError); // prettier-ignore

  /** Faults for the first requests, then none. */
  const first = (...faults: ReturnType<Fault>[]): Fault => () => faults.shift(); // prettier-ignore

  it('are tried again while the server is away, waiting twice as long each time', async () => {
    stub.fault = first(
      [503, ''],
      (response) => response.destroy(),
      (response) => response.writeHead(200, { 'content-length': 99 }).write('{', () => response.destroy()),
      [429, 'slow down'],
    );
    expect(await requests({ delayMs: 20 }).call('a', { x: 1 })).toStrictEqual({});

    expect(stub.asked.map(({ body }) => body)).toStrictEqual(Array(5).fill({ x: 1 }));
    const waited = stub.asked.slice(1).map(({ atMs }, i) => atMs - stub.asked[i]!.atMs);
    [20, 40, 80, 160].forEach((ms, i) => expect(waited[i]).toBeGreaterThanOrEqual(ms - 2));
  });

  it('are given up after so many times, with what the server said', async () => {
    stub.fault = () => [503, 'not now'];
    const error = await failureOf(requests({ times: 3 }).call('a'));

    expect(error).toBeInstanceOf(MlflowError);
    expect(error).toHaveProperty('status', 503);
    expect(error!.message).toBe('mlflow: the server must take api/2.0/a, it answers 503: not now');
    expect(stub.asked).toHaveLength(4);
  });

  it('are not tried again where that cannot help', async () => {
    stub.fault = () => [400, '{"error_code":"INVALID_PARAMETER_VALUE","message":"no such step"}'];
    const error = await failureOf(requests().call('a', {}));

    expect(error).toMatchObject({ status: 400, code: 'INVALID_PARAMETER_VALUE' });
    expect(error!.message).toMatch(/answers 400: no such step$/);
    expect(stub.asked).toHaveLength(1);
  });

  it('say that nobody answers', async () => {
    await stub.stop();
    const error = await failureOf(requests({ times: 1 }).call('a'));
    stub = await startStub();

    expect(error).toBeInstanceOf(MlflowError);
    expect(error!.message).toMatch(/^mlflow: http:\/\/127\.0\.0\.1:\d+ must answer, it does not: .*ECONNREFUSED/);
    expect(error!.status).toBeUndefined();
  });

  it('take no longer than they may, each', async () => {
    stub.fault = first(() => undefined);
    expect(await requests({ timeoutMs: 50 }).call('a')).toStrictEqual({});
    expect(stub.asked).toHaveLength(2);
  });

  it('give nothing where there is nothing, and an error where the answer is no JSON', async () => {
    stub.fault = first(
      [404, '{"error_code":"RESOURCE_DOES_NOT_EXIST"}'],
      [404, 'no such page'],
      [200, '<html>Sign in'],
    );
    expect(await requests().call('a')).toBeUndefined();
    expect(await failureOf(requests().call('a'))).toMatchObject({ status: 404 });
    expect((await failureOf(requests().call('a')))!.message).toMatch(
      /must answer a with JSON, it answers <html>Sign in/,
    );
  });

  it('put bytes as they are, below the path of the server', async () => {
    await requests({ url: `${stub.url}/tracking`, headers: { 'X-Team': 'blue' } }).put(
      'b/c.bin',
      Uint8Array.of(65, 66),
    );
    await requests({ url: `${stub.url}/tracking/` }).call('a?b=c');

    expect(stub.asked).toMatchObject([
      { method: 'PUT', path: '/tracking/b/c.bin', text: 'AB', headers: { 'x-team': 'blue', 'content-type': 'application/octet-stream' } },
      { method: 'GET', path: '/tracking/api/2.0/a?b=c' },
    ]); // prettier-ignore
  });

  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  it.each<[string, Record<string, string>, string | undefined, Record<string, string>, string | undefined]>([
    ['nothing', {}, undefined, {}, undefined],
    ['a token', { TOKEN: 't' }, undefined, {}, 'Bearer t'],
    ['a name and password', { USERNAME: 'u', PASSWORD: 'pä', TOKEN: 't' }, undefined, {}, basic('u:pä')],
    ['a name alone', { USERNAME: 'u', TOKEN: 't' }, undefined, {}, 'Bearer t'],
    ['a name and password in the address', { USERNAME: 'u', PASSWORD: 'p' }, 'a%40b:c@', {}, basic('a@b:c')],
    ['headers', { TOKEN: 't' }, 'a:b@', { Authorization: 'mine' }, 'mine'],
  ])('have the credentials that there are: %s', async (_, env, inUrl, headers, expected) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(`MLFLOW_TRACKING_${name}`, value);
    await requests({ url: stub.url.replace('//', `//${inUrl ?? ''}`), headers }).call('a');
    expect(stub.asked[0]!.headers['authorization']).toBe(expected);
  });

  it('go where the environment says, unless told', async () => {
    vi.stubEnv('MLFLOW_TRACKING_URI', stub.url);
    await requestsTo({}).call('a');
    expect(stub.asked).toHaveLength(1);

    vi.stubEnv('MLFLOW_TRACKING_URI', 'sqlite:///runs.db');
    await requests().call('a');
    expect(stub.asked).toHaveLength(2);
    expect(() => requestsTo({})).toThrow(ArgumentError);
    expect(() => requestsTo({})).toThrow(/url, or else MLFLOW_TRACKING_URI, .* received 'sqlite:\/\/\/runs.db'/);
  });
});
