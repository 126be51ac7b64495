import { lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { checkpointEvery } from '../../src/checkpoint/checkpointEvery.js';
import { latest } from '../../src/checkpoint/latest.js';
import { retryingStore } from '../../src/checkpoint/retryingStore.js';
import { s3Store } from '../../src/checkpoint/s3Store.js';
import type { Files } from '../../src/checkpoint/store.js';
import { StoreError } from '../../src/checkpoint/storeError.js';
import { ArgumentError } from '../../src/core/errors.js';
import { onlyInCi } from '../support/inCi.js';
import { expectToGoOnFrom } from './goesOn.js';
import { missing, startS3, type S3Server } from './s3Server.js';
import type { Place } from './storeCases.js';
import { here, itKeepsTheStoreContract } from './storeContract.js';
import { network, runOf } from './support.js';

const files = (n: number): Files => ({ 'a.bin': Uint8Array.of(n, 2, 3), 'b.json': new Uint8Array() });

describe('s3Store', () => {
  it('refuses a bucket without a name', () => {
    expect(() => s3Store({ client: {} as never, bucket: '' })).toThrow(ArgumentError);
  });
});

describe.skipIf(missing)(`s3Store on a server${missing}`, () => {
  let server!: S3Server;
  let buckets = 0;
  const bucket = async (): Promise<string> => {
    const name = `bucket-${++buckets}`;
    await server.client.createBucket({ Bucket: name });
    return name;
  };
  const keysIn = async (name: string): Promise<string[]> =>
    (await server.client.listObjectsV2({ Bucket: name })).Contents?.map(({ Key }) => Key!) ?? [];
  const place = async (): Promise<Place> => {
    const name = await bucket();
    const open = () => s3Store({ client: server.client, bucket: name, prefix: 'runs/first' });
    return { open, contents: () => keysIn(name) };
  };
  beforeAll(async () => {
    server = await startS3();
  }, 60_000);
  afterAll(async () => (server as S3Server | undefined)?.stop());

  itKeepsTheStoreContract(here(place));

  it('keeps what a run goes on from', async () => expectToGoOnFrom((await place()).open));

  it('keeps a checkpoint under its prefix, the index by a name of its own', async () => {
    const { open, contents } = await place();
    await open().save('0001', files(1));
    const keys = await contents();
    expect(keys).toHaveLength(3);
    for (const key of [
      expect.stringMatching(/^runs\/first\/0001\.[\da-f-]{36}\.a\.bin$/),
      expect.stringMatching(/^runs\/first\/0001\.[\da-f-]{36}\.b\.json$/),
      'runs/first/0001.checkpoint.json',
    ])
      expect(keys).toContainEqual(key);
  });

  it('keeps apart what has a prefix, and what has none or one below', async () => {
    const name = await bucket();
    const [root, runs, first] = ['', 'runs', 'runs/first/'].map((prefix) => s3Store({ client: server.client, bucket: name, prefix })); // prettier-ignore
    for (const [i, store] of [root!, runs!, first!].entries()) await store.save(`n${i}`, files(i));
    await root!.save('n0', files(9));
    await runs!.remove('n1');
    expect([await root!.list(), await runs!.list(), await first!.list()]).toStrictEqual([['n0'], [], ['n2']]);
    expect(await first!.load('n2')).toStrictEqual(files(2));
  });

  it('lists more than a server gives at once', async () => {
    const names = Array.from({ length: 1003 }, (_, i) => String(i).padStart(4, '0'));
    const store = s3Store({ client: server.client, bucket: 'many', prefix: 'runs' });
    expect(await store.list()).toStrictEqual(names);
  });

  it('says what a server says of a bucket that is not there', async () => {
    const store = s3Store({ client: server.client, bucket: 'none', prefix: 'a' });
    for (const [work, done] of [
      [store.save('0001', files(1)), 'saved'],
      [store.load('0001'), 'loaded'],
      [store.remove('0001'), 'removed'],
    ] as const)
      // prettier-ignore
      await expect(work).rejects.toThrow(new RegExp(`^s3Store none/a/: checkpoint '0001' could not be ${done}: .*bucket`));
    await expect(store.list()).rejects.toThrow(StoreError);
  });

  describe.skipIf(onlyInCi)(`while the server is away${onlyInCi}`, () => {
    it('rejects, and has everything that was saved before when it is back', async () => {
      const { open } = await place();
      const store = open();
      await store.save('0001', files(1));
      await server.goAway();
      onTestFinished(() => server.comeBack());
      const error = await store.save('0002', files(2)).catch((reason: unknown) => reason);
      await expect(store.load('0001')).rejects.toThrow(StoreError);
      await server.comeBack();

      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ checkpoint: '0002', message: expect.stringContaining('ECONNREFUSED') });
      expect(await store.list()).toStrictEqual(['0001']);
      await store.save('0002', files(2));
      expect(await store.load('0001')).toStrictEqual(files(1));
      expect(await store.load('0002')).toStrictEqual(files(2));
    });

    it.each([1, 2, 3])('leaves the old checkpoint, and no rest for long, if it goes before write %d', async (nth) => {
      const { open, contents } = await place();
      await open().save('0001', files(1));
      const before = await contents();
      let puts = 0;
      const putObject: S3Server['client']['putObject'] = async (input: never) => {
        if (++puts === nth) await server.goAway();
        return server.client.putObject(input) as never;
      };
      const cut = s3Store({
        client: { ...methods(server), putObject },
        bucket: `bucket-${buckets}`,
        prefix: 'runs/first',
      });
      onTestFinished(() => server.comeBack());
      await expect(cut.save('0002', files(2))).rejects.toThrow(StoreError);
      await server.comeBack();
      puts = 0;
      await expect(cut.save('0001', files(3))).rejects.toThrow(StoreError);
      await server.comeBack();

      expect(await open().list()).toStrictEqual(['0001']);
      expect(await open().load('0001')).toStrictEqual(files(1));
      await open().save('0001', files(4));
      expect(await open().load('0001')).toStrictEqual(files(4));
      expect(await contents()).toHaveLength(before.length);
    });

    it('ends a run with an error that says so', async () => {
      const { open } = await place();
      await server.goAway();
      onTestFinished(() => server.comeBack());
      const model = network();
      const run = lastValueFrom(runOf(model, 1).pipe(checkpointEvery(3, open())));
      await expect(run).rejects.toThrow(
        /^s3Store bucket-\d+\/runs\/first\/: checkpoint '0000000003-\d+' could not be saved: .*ECONNREFUSED/,
      );
      model.dispose();
    });

    it('does not end a run whose store tries again', async () => {
      const { open } = await place();
      let failures = 0;
      const store = open();
      const counted = {
        ...store,
        save: (name: string, given: Files) =>
          store.save(name, given).catch(async (error: unknown) => {
            if (++failures === 2) await server.comeBack();
            throw error;
          }),
      };
      await server.goAway();
      onTestFinished(() => server.comeBack());
      const model = network();
      await lastValueFrom(runOf(model, 1).pipe(checkpointEvery(3, retryingStore(counted, { delayMs: 1 }))));
      model.dispose();
      expect(failures).toBe(2);
      expect(await latest(open())).toMatchObject({ globalStep: 3 });
    });
  });
});

function methods({ client }: S3Server): Pick<S3Server['client'], 'getObject' | 'deleteObject' | 'listObjectsV2'> {
  return {
    getObject: client.getObject.bind(client),
    deleteObject: client.deleteObject.bind(client),
    listObjectsV2: client.listObjectsV2.bind(client),
  } as never;
}
