// What replicas bring and what they cost, two of them, each with one thread, started as `gradstream launch` does: processes of mpirun on `node`, threads on
// `wasm`; and an all-reduce against the same MPI from C. Rounds take turns; a ratio is the median of the rounds' ratios.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { NODE_FLAGS } from '../../src/cli/worldCommand.js';
import { bundled } from '../support/bundled.js';
import type { Job, Round, Work } from './replicaRank.js';

const BIN = '/usr/bin';
const FLOATS = 5 * (1 << 20); // 20 MiB
const program = await bundled(new URL('replicaRank.ts', import.meta.url));
const oneThread = { TF_NUM_INTRAOP_THREADS: '1', OMP_NUM_THREADS: '1' };

/** The gain is told for each k, and what reducing costs. */
const PROCESSES: readonly Work[] = [
  { engine: 'node', kind: 'cnn', ks: [4, 1, 8], microBatches: 96 },
  { engine: 'node', kind: 'mlp', ks: [4, 1, 8], microBatches: 320 },
];
const THREADS: readonly Work[] = [
  { engine: 'wasm', kind: 'cnn', ks: [4, 8], microBatches: 16 },
  { engine: 'wasm', kind: 'mlp', ks: [4, 8], microBatches: 80 },
];

export async function replicasCost(rounds: number): Promise<Record<string, string>> {
  const measured: Record<string, string> = {};
  const add = (part: Record<string, string>): void => {
    console.table(part); // it takes minutes until all is there
    Object.assign(measured, part);
  };
  for (const work of PROCESSES) {
    const said = mpirun(process.execPath, [...NODE_FLAGS, program, JSON.stringify({ ...work, rounds } satisfies Job)]);
    add(told(`${work.kind} on node, 2 processes`, JSON.parse(said) as Round[], work.ks));
  }
  add(messages(rounds));
  for (const work of THREADS) {
    const job = JSON.stringify({ ...work, rounds } satisfies Job);
    const said = execFileSync(process.execPath, [...NODE_FLAGS, program, job, 'threads'], { encoding: 'utf8' });
    add(told(`${work.kind} on wasm, 2 threads`, JSON.parse(said) as Round[], work.ks));
  }
  return measured;
}

/** What an all-reduce takes here and in C. */
function messages(rounds: number): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'gradstream-bench-'));
  try {
    const inC = join(folder, 'allReduce');
    execFileSync(join(BIN, 'mpicc'), ['-O2', fileURLToPath(new URL('allReduce.c', import.meta.url)), '-o', inC]);
    const sizes = { '4 B': 1, '20 MiB': FLOATS };
    const times = 30;
    const ours = Object.keys(sizes).map((): number[] => []);
    const theirs = Object.keys(sizes).map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      const job: Job = { floats: Object.values(sizes), times };
      (JSON.parse(mpirun(process.execPath, [...NODE_FLAGS, program, JSON.stringify(job)])) as number[]).forEach(
        (ms, i) => ours[i]!.push(ms),
      );
      Object.values(sizes).forEach((floats, i) =>
        theirs[i]!.push(Number(mpirun(inC, [String(floats), String(times)]))),
      );
    }
    return Object.fromEntries(
      Object.keys(sizes).flatMap((size, i) => [
        [`all-reduce of ${size}, ms`, spread(ours[i]!)],
        [`all-reduce of ${size} from C, ms`, spread(theirs[i]!)],
        [`all-reduce of ${size} over C, ×`, spread(ours[i]!.map((ms, round) => ms / theirs[i]![round]!))],
      ]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function told(what: string, rounds: readonly Round[], ks: readonly number[]): Record<string, string> {
  const of = (value: (round: Round) => number): string => spread(rounds.map(value));
  const cost = ({ reduced, apart }: Round, k: number): number => reduced[ks.indexOf(k)]! - apart[ks.indexOf(k)]!;
  const rows = ks.flatMap((k, i) => [
    [`${what}, k = ${k}: one alone, ms a micro-batch`, of(({ alone }) => alone[i]!)],
    [`${what}, k = ${k}: both, each by itself, × the samples`, of(({ alone, apart }) => (2 * alone[i]!) / apart[i]!)],
    [`${what}, k = ${k}: both as one, × the samples`, of(({ alone, reduced }) => (2 * alone[i]!) / reduced[i]!)],
    [`${what}, k = ${k}: as one, ms a micro-batch more than apart`, of((round) => cost(round, k))],
    [`${what}, k = ${k}: in allReduce, until all have come, ms a step`, of(({ waiting }) => waiting[i]!)],
    [`${what}, k = ${k}: in allReduce, from then on, ms a step`, of(({ reducing }) => reducing[i]!)],
  ]);
  return {
    ...(Object.fromEntries(rows) as Record<string, string>),
    ...([1, 8].every((k) => ks.includes(k)) && {
      [`${what}: ms a micro-batch more at k = 8 over k = 1, ×`]: of((round) => cost(round, 8) / cost(round, 1)),
      [`${what}: in allReduce, without waiting, at k = 8 over k = 1, ×`]: of(
        ({ reducing }) => reducing[ks.indexOf(8)]! / 8 / reducing[ks.indexOf(1)]!,
      ),
    }),
  };
}

function mpirun(command: string, args: readonly string[]): string {
  const flags = ['--oversubscribe', '--allow-run-as-root', '--bind-to', 'none', '-n', '2'];
  const env = { ...process.env, ...oneThread };
  const { status, stdout, stderr } = spawnSync(join(BIN, 'mpirun'), [...flags, command, ...args], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`bench: mpirun has failed: ${stderr}`);
  return stdout;
}

/** Median (least–most). */
function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const shown = [sorted[Math.floor(sorted.length / 2)]!, sorted[0]!, sorted.at(-1)!].map((value) =>
    value.toPrecision(3),
  );
  return `${shown[0]} (${shown[1]}–${shown[2]})`;
}
