import type { LibraryHandle } from 'koffi';

import { CollectiveError } from '../../core/collective.js';

/** A function of MPI, called at once or in a thread of its own. */
export interface Bound {
  sync(this: void, ...values: unknown[]): void;
  async(this: void, ...values: unknown[]): Promise<void>;
}

/** What finds a library's functions by name and arguments, in which HANDLE is as the library has it. Any code but 0 is an error. */
export function binder(library: LibraryHandle, handle: string): (name: string, args: string) => Bound {
  return (name, args) => {
    const call = library.func(`int ${name}(${args.replaceAll('HANDLE', handle)})`);
    const failed = (code: number): Error | undefined =>
      code === 0
        ? undefined
        : new CollectiveError(`mpi: ${name} must succeed, it failed with code ${code}`, 'library', []);
    return {
      sync: (...values) => {
        const failure = failed(call(...values) as number);
        if (failure) throw failure;
      },
      async: (...values) =>
        new Promise((resolve, reject) => {
          call.async(...values, (error: Error | null, code: number) => {
            const failure = error ?? failed(code);
            if (failure) reject(failure);
            else resolve();
          });
        }),
    };
  };
}

/** What a function gives through its last argument. */
export function number({ sync }: Pick<Bound, 'sync'>, ...values: unknown[]): number {
  const result = [0];
  sync(...values, result);
  return result[0]!;
}
