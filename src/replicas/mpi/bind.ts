import type { LibraryHandle } from 'koffi';

import { CollectiveError } from '../../core/collective.js';
import type { Call } from './callThread.js';

/** A function of MPI. */
export interface Bound {
  sync(this: void, ...values: unknown[]): void;
  /** The same call, to be made by a {@link CallThread}. */
  later(this: void, ...values: Call['values']): Call;
}

/** What finds a library's functions by name and arguments, in which HANDLE is as the library has it. Any code but 0 is an error. */
export function binder(library: LibraryHandle, handle: string): (name: string, args: string) => Bound {
  return (name, args) => {
    const declaration = `int ${name}(${args.replaceAll('HANDLE', handle)})`;
    const call = library.func(declaration);
    return {
      sync: (...values) => {
        const code = call(...values) as number;
        if (code !== 0)
          throw new CollectiveError(`mpi: ${name} must succeed, it failed with code ${code}`, 'library', []);
      },
      later: (...values) => ({ name, declaration, values }),
    };
  };
}

/** What a function gives through its last argument. */
export function number({ sync }: Pick<Bound, 'sync'>, ...values: unknown[]): number {
  const result = [0];
  sync(...values, result);
  return result[0]!;
}
