import type { LibraryHandle } from 'koffi';

import { CollectiveError } from '../../core/collective.js';

/** A handle or constant, as it is handed over. */
export type Handle = number | bigint;

/** What the MPI standard leaves to a library: how handles are handed over, and the values of those that are used. */
export interface Abi {
  readonly handle: 'int' | 'intptr_t';
  readonly world: Handle;
  readonly byte: Handle;
  readonly float: Handle;
  readonly double: Handle;
  readonly sum: Handle;
  readonly product: Handle;
  readonly inPlace: Handle;
  readonly anySource: number;
  /** What MPI_THREAD_MULTIPLE is. */
  readonly multiple: number;
}

/** MPI 5.0, chapter "ABI": the same for every library that has it. */
const STANDARD: Abi = {
  handle: 'intptr_t',
  world: 0x101,
  byte: 0x247,
  float: 0x210,
  double: 0x214,
  sum: 0x21,
  product: 0x24,
  inPlace: 1,
  anySource: -1,
  multiple: 4096,
};

/** MPICH and what shares its ABI (Intel MPI, MVAPICH, Cray MPICH): handles are numbers. */
const MPICH: Abi = {
  handle: 'int',
  world: 0x44000000,
  byte: 0x4c00010d,
  float: 0x4c00040a,
  double: 0x4c00080b,
  sum: 0x58000003,
  product: 0x58000004,
  inPlace: -1,
  anySource: -2,
  multiple: 3,
};

/** Open MPI up to 5: handles are the addresses of what the library exports. */
function openMpi(addressOf: (name: string) => bigint): Abi {
  return {
    handle: 'intptr_t',
    world: addressOf('ompi_mpi_comm_world'),
    byte: addressOf('ompi_mpi_byte'),
    float: addressOf('ompi_mpi_float'),
    double: addressOf('ompi_mpi_double'),
    sum: addressOf('ompi_mpi_op_sum'),
    product: addressOf('ompi_mpi_op_prod'),
    inPlace: 1,
    anySource: -1,
    multiple: 3,
  };
}

/**
 * The ABI of a library that has been loaded.
 *
 * @throws {@link CollectiveError} 'library', if it is none that is known.
 */
export function abiOf(library: LibraryHandle): Abi {
  const version = versionOf(library);
  if (version.startsWith('Open MPI')) return openMpi((name) => library.symbol(name) as bigint);
  if (hasStandardAbi(library)) return STANDARD;
  if (/^(MPICH|Intel\(R\) MPI|MVAPICH|CRAY MPICH)/i.test(version)) return MPICH;
  throw new CollectiveError(
    `mpi: the library must have the ABI of Open MPI, of MPICH or of the MPI standard, received '${version}'`,
    'library',
    [],
  );
}

function versionOf(library: LibraryHandle): string {
  const text = Buffer.alloc(8192);
  const length = [0];
  try {
    library.func('int MPI_Get_library_version(void *text, _Out_ int *length)')(text, length);
  } catch {
    return 'a library without MPI_Get_library_version';
  }
  return text
    .toString('latin1', 0, length[0])
    .split(/[\n,\0]/)[0]!
    .trim();
}

function hasStandardAbi(library: LibraryHandle): boolean {
  const [major, minor] = [[-1], [-1]];
  try {
    library.func('int MPI_Abi_get_version(_Out_ int *major, _Out_ int *minor)')(major, minor);
  } catch {
    return false; // older than MPI 5
  }
  return major[0]! > 0;
}
