import { CollectiveError, type Collective, type CollectiveOptions } from '../core/collective.js';

/**
 * Rejects on every rank, naming those that differ, unless all of them say the same.
 *
 * @param what - Of which they must have the same.
 * @param facts - Plain data by name.
 */
export async function assertSame(
  collective: Pick<Collective, 'allGather'>,
  what: string,
  facts: Readonly<Record<string, unknown>>,
  options: CollectiveOptions = {},
): Promise<void> {
  const said = await collective.allGather(new TextEncoder().encode(JSON.stringify(facts)), options);
  const all = said.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>);
  const first = all[0]!;
  const text = (value: unknown): string => JSON.stringify(value) ?? 'not given';
  const faults = all.flatMap((each, rank) =>
    [...new Set([...Object.keys(first), ...Object.keys(each)])]
      .filter((name) => text(each[name]) !== text(first[name]))
      .map((name) => ({ rank, said: `rank ${rank} has ${name} ${text(each[name])}, rank 0 ${text(first[name])}` })),
  );
  if (faults.length === 0) return;
  throw new CollectiveError(
    `every rank must have the same ${what}; ${faults.map((fault) => fault.said).join('; ')}`,
    'mismatch',
    [...new Set(faults.map(({ rank }) => rank))],
  );
}
