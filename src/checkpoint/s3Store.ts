import type { S3 } from '@aws-sdk/client-s3';

import { ArgumentError } from '../core/errors.js';
import { blobStore } from './blobStore.js';
import { inTurn } from './inTurn.js';
import type { CheckpointStore } from './store.js';

/** Options of {@link s3Store}. */
export interface S3StoreOptions {
  /** Made by the app, which knows endpoint, region and credentials: `new S3({ … })` of `@aws-sdk/client-s3`. */
  readonly client: Pick<S3, 'putObject' | 'getObject' | 'deleteObject' | 'listObjectsV2'>;
  readonly bucket: string;
  /** What the keys begin with, a folder of sorts; the bucket's root unless given. */
  readonly prefix?: string;
}

/**
 * Keeps checkpoints in S3, or in what speaks its protocol: MinIO, Ceph, R2, Google's, and others.
 *
 * An object per file, under `PREFIX/NAME.GENERATION.FILE`, and last an index, `PREFIX/NAME.checkpoint.json`: it alone makes a checkpoint whole. Whatever
 * else the bucket holds is left alone. One run at a time may save under a prefix; others may read.
 *
 * The server must show at once what has been written, as S3 does since 2020. A file may have 5 GB.
 *
 * @example
 * ```ts
 * import { S3 } from '@aws-sdk/client-s3';
 *
 * const store = s3Store({ client: new S3({ region: 'eu-central-1' }), bucket: 'my-runs', prefix: 'first' });
 * train(model, batches, { loss: mse, optimizer: adam(), from: await latest(store) }).pipe(checkpointEvery(100, store)).subscribe();
 * ```
 *
 * @throws {@link ArgumentError} at once, if `bucket` is empty.
 * Rejects with {@link StoreError} if the server is away or refuses, and with {@link CheckpointError} for a name that is none, or of no checkpoint.
 * @see retryingStore for servers that come back.
 */
export function s3Store({ client, bucket, prefix = '' }: S3StoreOptions): CheckpointStore {
  if (!bucket) throw new ArgumentError('s3Store: bucket must not be empty');
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  const object = (key: string): { Bucket: string; Key: string } => ({ Bucket: bucket, Key: folder + key });

  return blobStore(`s3Store ${bucket}/${folder}`, {
    write: async (key, bytes) => {
      await client.putObject({ ...object(key), Body: bytes });
    },
    read: async (key) => {
      const found = await client.getObject(object(key)).catch(unlessMissing);
      return found && (await found.Body!.transformToByteArray());
    },
    delete: async (key) => {
      await client.deleteObject(object(key));
    },
    sizes: async () => {
      const sizes = new Map<string, number>();
      let after: string | undefined;
      do {
        // At most 1000 come at once. The delimiter leaves out what lies in folders below.
        const page = await client.listObjectsV2({
          Bucket: bucket,
          Prefix: folder,
          Delimiter: '/',
          ContinuationToken: after,
        });
        for (const { Key, Size } of page.Contents ?? []) sizes.set(Key!.slice(folder.length), Size!);
        after = page.NextContinuationToken;
      } while (after !== undefined);
      return sizes;
    },
    alone: inTurn(),
  });
}

/** Not by the status: a bucket that is not there is 404, too. */
function unlessMissing(error: Error): undefined {
  if (error.name !== 'NoSuchKey') throw error;
}
