import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

import { InstallError } from './installError.js';

/**
 * Runs `work` unless another process is at work on the same folder.
 *
 * The lock is a socket without a file; it goes with the process, however that ends, so none is ever left behind.
 *
 * @throws {@link InstallError} (rejects) if another process is at work.
 */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const server = createServer();
  const name = createHash('sha256').update(folder).digest('hex');
  await new Promise<void>((resolve, reject) => {
    server.on('error', (cause) =>
      reject(new InstallError(`another install is at work on ${folder}`, 'wait until it has ended', { cause })),
    );
    server.listen({ path: `\0gradstream-${name}` }, resolve);
  });
  try {
    return await work();
  } finally {
    server.close();
  }
}
