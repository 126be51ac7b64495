import { expect, it } from 'vitest';

import { CollectiveError } from '../../../src/core/collective.js';
import { abiOf } from '../../../src/replicas/mpi/abi.js';

/** A library that says of itself what it is told; `standard` is the version of the standard's ABI, -1 if it has another. */
const library = (version: string, standard?: number) =>
  ({
    func: (declaration: string) => {
      if (declaration.includes('MPI_Get_library_version'))
        return (text: Buffer, length: number[]) => (length[0] = text.write(version, 'latin1'));
      if (standard === undefined) throw new Error('no such function');
      return (major: number[]) => (major[0] = standard);
    },
    symbol: (name: string) => BigInt(name.length),
  }) as unknown as Parameters<typeof abiOf>[0];

it.each([
  ['Open MPI v4.1.4, package: Debian OpenMPI', undefined, { handle: 'intptr_t', world: 19n, multiple: 3 }],
  ['MPICH Version:      4.0.2\nMPICH Release date: 2022', undefined, { handle: 'int', world: 0x44000000 }],
  ['MPICH Version:      5.0.2', -1, { handle: 'int', inPlace: -1, anySource: -2 }],
  ['MPICH Version:      5.0.2', 1, { handle: 'intptr_t', world: 0x101, multiple: 4096 }],
  ['Intel(R) MPI Library 2021.13 for Linux* OS', undefined, { handle: 'int', sum: 0x58000003 }],
  ['Anything that has it', 1, { handle: 'intptr_t', float: 0x210, double: 0x214 }],
])('knows %s', (version, standard, expected) => {
  expect(abiOf(library(version, standard))).toMatchObject(expected);
});

it('refuses an ABI that it does not know', () => {
  expect(() => abiOf(library('HPE MPT 2.31'))).toThrow(CollectiveError);
  expect(() => abiOf(library('HPE MPT 2.31'))).toThrow("received 'HPE MPT 2.31'");
});
