import { cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

import type { Run } from './contenders.js';

/** The part of the processor that other work may take while something is timed. */
export const DISTURBED = 0.05;
const TRIES = 3;

/**
 * Times a run, and again after a while, up to twice, if other work took the processor meanwhile.
 *
 * That is not only noise: PyTorch's threads wait for each other busily, and one of them without a core makes a run 10 to 50 times as long.
 *
 * @returns the quietest run, and which part of the processor others had.
 */
export async function quietest(run: () => Promise<Run>): Promise<Run & { readonly others: number }> {
  let best: (Run & { readonly others: number }) | undefined;
  for (let i = 0; i < TRIES; i++) {
    if (i > 0) await wait(1000 * i);
    const before = { busy: busyMs(), own: ownMs(), at: performance.now() };
    const result = await run();
    const possible = (performance.now() - before.at) * cpus().length;
    const own = ownMs() - before.own + (result.peerMs ?? 0);
    const others = Math.max(0, (busyMs() - before.busy - own) / possible);
    if (!best || others < best.others) best = { ...result, others };
    if (others <= DISTURBED) break;
  }
  return best!;
}

/** What all processes together have computed. */
function busyMs(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

function ownMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}
