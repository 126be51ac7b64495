import { concat, from, interval, lastValueFrom, map, NEVER, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { tee } from '../../../operators/tee.js';
import { memoryStore } from '../../../src/checkpoint/memoryStore.js';
import { ArgumentError } from '../../../src/core/errors.js';
import type { TrainingEvent } from '../../../src/core/events.js';
import { SinkError } from '../../../src/core/sinkError.js';
import { mlflow, type MlflowOptions } from '../../../src/sinks/mlflow/mlflow.js';
import { MlflowError } from '../../../src/sinks/mlflow/mlflowError.js';
import type { MlflowServer } from '../../../src/sinks/mlflow/server.js';
import { stepEvent } from '../../../src/testing/steps.js';
import { nameOf, startStub, type Stub } from './stub.js';

const steps = (count: number): TrainingEvent[] =>
  Array.from({ length: count }, (_, i) => stepEvent(i + 1, { loss: i + 1 }));
/** A busy machine is late. */
const until = (check: () => void) => vi.waitFor(check, 10_000);
const hang = () => (): void => undefined;

describe('mlflow', () => {
  it.each([
    [() => mlflow('a', {}, { url: 'nowhere' }), /url, .*, must be the address of a server .*, received 'nowhere'/],
    [() => mlflow('a', {}, { url: 'ftp://a' }), /url/],
    [() => mlflow('a', {}, { url: 'http://a', times: 0 }), /times/],
    [() => mlflow('a', {}, { url: 'http://a', delayMs: -1 }), /delayMs/],
    [() => mlflow('a', {}, { url: 'http://a', timeoutMs: 0 }), /timeoutMs/],
    [() => mlflow('', {}, { url: 'http://a' }), /experiment must be a name/],
    [() => mlflow('a', { resume: true }, { url: 'http://a' }), /resume must come with the name/],
    [() => mlflow('a', { hyperParameters: { loss: (() => 1) as unknown as string } }, { url: 'http://a' }), /mlflow: hyperParameters must be .*, received function as loss/],
    [() => mlflow('a', { hyperParameters: { a: { b: new Map() as unknown as string } } }, { url: 'http://a' }), /received Map as a\.b/],
  ])('refuses what cannot be: %s', (make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  }); // prettier-ignore
});

describe('what mlflow sends', () => {
  let stub: Stub;
  beforeEach(async () => {
    stub = await startStub();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await stub.stop();
  });
  const sinkTo = (server: MlflowServer = {}, options: MlflowOptions = {}) =>
    mlflow('digits', options, { url: stub.url, delayMs: 1, times: 2, ...server });
  const run = (sink: ReturnType<typeof mlflow>, events: readonly TrainingEvent[] = steps(2)) =>
    lastValueFrom(from(events).pipe(tee(sink)));
  const failureOf = (work: Promise<unknown>) => work.then(() => undefined, (error: unknown) => error as Error); // prettier-ignore
  const losses = () =>
    stub.asked.flatMap(({ body }) =>
      ((body['metrics'] ?? []) as { key: string; value: number }[]).flatMap(({ key, value }) => key === 'training/loss' ? [value] : []),
    ); // prettier-ignore
  const statuses = () => stub.asked.flatMap(({ body }) => ('status' in body ? [body['status']] : []));

  it('is at most a thousand numbers at once, in order, a parameter or tag at most a hundred', async () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`p${i}`, String(i)]));
    await run(sinkTo({}, { hyperParameters: many, tags: many }), steps(1500));

    const sizes = (kind: string) => stub.asked.flatMap(({ body }) => (kind in body ? [(body[kind] as unknown[]).length] : [])); // prettier-ignore
    expect(losses()).toStrictEqual(Array.from({ length: 1500 }, (_, i) => i + 1));
    expect(Math.max(...sizes('metrics'))).toBe(1000);
    expect(sizes('metrics').length).toBeLessThanOrEqual(6);
    expect([sizes('params'), sizes('tags')]).toStrictEqual([[100, 50], [100, 50]]); // prettier-ignore
  });

  it('comes by itself, without a further event', async () => {
    const watched = concat(from(steps(2)), NEVER)
      .pipe(tee(sinkTo()))
      .subscribe();
    await until(() => expect(losses()).toStrictEqual([1, 2]));
    watched.unsubscribe();
    await until(() => expect(statuses()).toStrictEqual(['KILLED']));
  });

  it('holds up no run that does not wait, though the server hangs', async () => {
    stub.fault = hang;
    let passed = 0;
    const hanging = from(steps(20_000)).pipe(tee(sinkTo({ timeoutMs: 30 }), { whenBusy: 'latest' })).subscribe(() => (passed += 1)); // prettier-ignore
    expect(passed).toBe(20_000);

    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    hanging.unsubscribe();
    await until(() => expect(warned).toHaveBeenCalledWith(expect.stringMatching(/^mlflow: not all/)));
  });

  it('holds up a run that waits when ten thousand numbers wait, no longer than it may', async () => {
    stub.fault = hang;
    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    let passed = 0;
    const hanging$ = from(steps(20_000)).pipe(tee(sinkTo({ timeoutMs: 60 }), { timeoutMs: 50 }), tee(() => void (passed += 1))); // prettier-ignore
    const error = await failureOf(lastValueFrom(hanging$));

    expect(error).toBeInstanceOf(SinkError);
    expect(error!.message).toContain('it took longer than 50 ms');
    expect(passed).toBe(Math.ceil(10_000 / 3) - 1);
    await until(() => expect(warned).toHaveBeenCalled());
  });

  it('holds up the end, and an error, until all is there', async () => {
    const late: (() => void)[] = [];
    stub.fault = ({ body }) => ('metrics' in body ? (response) => void late.push(() => response.end('{}')) : undefined);
    let ended = false;
    const failing$ = concat(from(steps(2)), throwError(() => new Error('broken'))).pipe(tee(sinkTo())); // prettier-ignore
    const failure = failureOf(lastValueFrom(failing$)).finally(() => (ended = true));
    await until(() => expect(late).toHaveLength(1));
    expect(ended).toBe(false);
    expect(statuses()).toStrictEqual([]);
    late[0]!();

    expect((await failure)!.message).toBe('broken');
    expect(statuses()).toStrictEqual(['FAILED']);
    expect(stub.asked.flatMap(({ body }) => body['tags'] ?? [])).toStrictEqual([{ key: 'error', value: 'broken' }]);
  });

  it('goes into a run that is there, which runs again', async () => {
    const found = { runs: [{ info: { run_id: 'old', artifact_uri: 'mlflow-artifacts:/1/old/artifacts' } }] };
    stub.fault = (asked) => (nameOf(asked) === 'search' ? [200, JSON.stringify(found)] : undefined);
    await run(sinkTo({}, { run: "it's", resume: true }));

    expect(stub.calls()).not.toContain('create');
    expect(stub.asked.find((asked) => nameOf(asked) === 'search')!.body).toMatchObject({
      experiment_ids: ['1'],
      filter: `attributes.run_name = "it's"`,
    });
    expect(statuses()).toStrictEqual(['RUNNING', 'FINISHED']);
    expect(stub.asked.flatMap(({ body }) => body['run_id'] ?? [])).toStrictEqual(['old', 'old', 'old']);
  });

  it('is begun anew by the next run where it could not begin', async () => {
    const sink = sinkTo();
    stub.fault = (asked) => (nameOf(asked) === 'create' ? [403, '{"message":"not you"}'] : undefined);
    vi.spyOn(console, 'warn').mockReturnValue();
    const error = await failureOf(run(sink, steps(5)));
    expect(error).toBeInstanceOf(SinkError);
    expect(error!.cause).toBeInstanceOf(MlflowError);
    expect(error!.message).toMatch(/answers 403: not you/);

    stub.fault = () => undefined;
    await run(sink, steps(2));
    expect(losses()).toStrictEqual([1, 2]);
    expect(statuses()).toStrictEqual(['FINISHED']);
  });

  it('says that not all is there where a number is refused; the next run has its own only', async () => {
    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    stub.fault = ({ body }) => ('metrics' in body ? [400, 'full'] : undefined);
    const sink = sinkTo();
    expect((await failureOf(run(sink, steps(3))))!.message).toMatch(/must take the end, .*answers 400: full/);
    expect(statuses()).toStrictEqual(['FAILED']);
    expect(stub.asked.filter(({ body }) => 'metrics' in body)).toHaveLength(1);
    expect(stub.asked.flatMap(({ body }) => body['tags'] ?? [])).toStrictEqual([
      { key: 'error', value: expect.stringMatching(/full$/) as string },
    ]);

    // In mid-run, with what comes next.
    const slow$ = concat(from(steps(400)), interval(10).pipe(map((i) => stepEvent(401 + i)))); // until it is told
    expect((await failureOf(lastValueFrom(slow$.pipe(tee(sink)))))!.message).toMatch(
      /step event of global step \d+, .*: full/,
    );
    await until(() => expect(statuses()).toStrictEqual(['FAILED', 'FAILED']));
    expect(stub.asked.filter(({ body }) => 'metrics' in body)).toHaveLength(2);
    expect(warned).toHaveBeenCalledOnce();

    stub.asked.length = 0;
    stub.fault = () => undefined;
    await run(sink, steps(2));
    expect(losses()).toStrictEqual([1, 2]);
  });

  it('says of a server that stays away that it does, with the error of the run', async () => {
    stub.fault = () => (response) => void response.destroy();
    const error = await failureOf(lastValueFrom(concat(from(steps(1)), throwError(() => new Error('broken'))).pipe(tee(sinkTo())))); // prettier-ignore
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map((each: Error) => each.message)).toStrictEqual([
      'broken',
      expect.stringMatching(/must take the error of the run, .* must answer, it does not/),
    ]);

    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    const sink = sinkTo();
    void sink.next(stepEvent(1));
    sink.unsubscribe!();
    sink.unsubscribe!();
    await until(() => expect(warned.mock.calls).toStrictEqual([[expect.stringMatching(/^mlflow: not all of the run could be sent: .* it does not/)]])); // prettier-ignore
  });

  it('is not tried once more where the server has gone for good', async () => {
    stub.fault = ({ body }) => ('metrics' in body ? (response) => void response.destroy() : undefined);
    const error = await failureOf(run(sinkTo()));

    expect(error!.message).toMatch(/must take the end, .* must answer, it does not/);
    expect(stub.asked.filter(({ body }) => 'metrics' in body)).toHaveLength(3);
    expect(statuses()).toStrictEqual([]);
  });

  it('ends as failed where a checkpoint could not be uploaded, and where the server wants artifacts elsewhere', async () => {
    vi.spyOn(console, 'warn').mockReturnValue();
    const checkpoints = memoryStore();
    await checkpoints.save('c', { 'w.json': Uint8Array.of(1) });
    const saved: TrainingEvent = { type: 'checkpoint', globalStep: 2, epoch: 1, name: 'c', reason: 'steps', best: false, skipped: 0 }; // prettier-ignore
    stub.fault = ({ method }) => (method === 'PUT' ? [413, 'too large'] : undefined);
    const error = await failureOf(run(sinkTo({}, { checkpoints }), [...steps(2), saved]));
    expect(error!.message).toMatch(/must take the checkpoint event of global step 2, .*artifacts\/1\/r\/artifacts\/checkpoints\/c\/w.json, it answers 413: too large/); // prettier-ignore
    await until(() => expect(statuses()).toStrictEqual(['FAILED']));
    expect(losses()).toStrictEqual([1, 2]);

    stub.fault = (asked) => nameOf(asked) === 'create' ? [200, '{"run":{"info":{"run_id":"r","artifact_uri":"s3://b/r"}}}'] : undefined; // prettier-ignore
    const elsewhere = await failureOf(run(sinkTo({}, { checkpoints }), [saved]));
    expect(elsewhere!.message).toMatch(/must keep artifacts itself .*, it wants them at s3:\/\/b\/r/);
  });
});
