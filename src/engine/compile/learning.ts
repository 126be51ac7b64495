import type * as tf from '@tensorflow/tfjs';

import type { Batch } from '../../core/batch.js';
import type { StepPlan } from '../../core/compiler.js';
import { CompileError } from '../../core/errors.js';
import type { OptimizerState } from '../../core/optimizer.js';
import { isOutOfMemory } from '../../core/outOfMemory.js';
import { attempt } from './attempt.js';
import type { Backend } from './backend.js';
import { candidates, firstThatFits, type Candidates } from './candidates.js';
import { checkPass, checkUpdate } from './checkStep.js';
import { keyOf, keyReader } from './batchKey.js';
import { feed, type Fed } from './feed.js';
import { gradientProgram } from './gradientProgram.js';
import type { Program } from './program.js';
import { pairsOf } from './pairs.js';
import { usedBy } from './recordProgram.js';
import { openStep, type StepGraph, type Values } from './stepGraph.js';
import type { Pair } from './syncedVariables.js';
import { updateOf } from './updateOf.js';
import { weightGroups } from './weightGroups.js';

/** Batches of so many shapes get a program; others are computed eagerly. */
const MOST_PROGRAMS = 8;

/** The graph of a step, which grows by a program for each new shape of a batch. */
export interface Learning {
  readonly programs: readonly Program[];
  readonly graph: () => StepGraph;
  /** The program for a batch, recorded now if it is new; undefined if there are too many. */
  indexOf(batch: Batch, microStep: number): number | undefined;
  /** Takes over what somebody has assigned to the model's variables. */
  takeOver(): void;
  namedState(): Readonly<Record<string, tf.Tensor>>;
  setState(state: OptimizerState): void;
  close(): void;
}

export function learning(library: typeof tf, plan: StepPlan, first: Batch, microStep: number): Learning {
  const backend = library.backend() as unknown as Backend;
  const { weights } = pairsOf(library, plan);
  const used = new Map<string, Pair>();
  const programs: Program[] = [gradientProgram(plan.weights.slots)];
  const indices = new Map<string, number | undefined>();
  const read = keyReader();
  let graph: StepGraph | undefined;
  let lanes: number | undefined;

  const candidatesFor = (fed: Fed, microStep: number): Candidates => {
    const { others } = pairsOf(library, plan);
    const found = candidates(library, { plan, weights, others, microStep }, fed, lanes);
    for (const pair of usedBy(found.recorded, others)) used.set(pair.inGraph.name, pair);
    return found;
  };
  const targets = weights.map(({ inGraph }) => inGraph);
  const groups = weightGroups(plan.optimizer, plan.weights.slots, targets);
  const fed = feed(library, first);
  let initial: OptimizerState = {};
  try {
    initial = plan.optimizer.init(plan.weights.slots);
    const first = candidatesFor(fed, microStep);
    const update = updateOf(library, plan, initial, groups, targets);
    const open = (values: Values): void => {
      graph = openStep(backend, plan, programs, weights, [...used.values()], groups, update, values, lanes);
    };
    /** Opens a graph that knows the first of the candidates that computes what it should. */
    const learn = (fed: Fed, { ways, expected }: Candidates, values: Values): void => {
      firstThatFits(programs, ways, (way) => {
        ({ lanes } = way);
        graph?.close();
        open(values);
        checkPass(library, graph!, programs.length - 1, fed, expected);
      });
      indices.set(keyOf(fed.given), programs.length - 1);
    };
    /** Makes a graph that knows one more shape, and moves everything over. */
    const grow = (next: Fed, microStep: number): void => {
      const found = candidatesFor(next, microStep);
      attempt(library, () => {
        const values = graph!.snapshot();
        try {
          learn(next, found, values);
          graph!.reload(values);
        } catch (error) {
          graph!.close();
          open(values);
          throw error;
        }
      });
    };
    attempt(library, () => {
      const values = update.split(initial);
      learn(fed, first, values);
      checkUpdate(library, graph!, plan, initial, first.expected);
      graph!.reload(values);
    });
    return {
      programs,
      graph: () => graph!,
      indexOf: (next, microStep) => {
        const key = read(next);
        if (indices.has(key) || programs.length > MOST_PROGRAMS) return indices.get(key);
        const fed = feed(library, next);
        try {
          grow(fed, microStep);
        } catch (error) {
          const retries = plan.recovers && isOutOfMemory(error);
          if (plan.strict || retries || !(error instanceof CompileError)) throw error;
          indices.set(key, undefined);
          console.warn(`trainStep: batches like micro-batch ${microStep} run op by op: ${error.message}`);
        } finally {
          library.dispose([...fed.made]);
        }
        return indices.get(key);
      },
      takeOver: () => {
        graph!.weights.takeOver();
        graph!.others.takeOver();
      },
      setState: (state) => library.tidy(() => graph!.reload(update.split(state))),
      namedState: () => library.tidy(() => update.named(graph!.snapshot(update.variables))),
      close: () => graph!.close(),
    };
  } catch (error) {
    graph?.close();
    throw error;
  } finally {
    library.dispose([...fed.made, ...Object.values(initial)]);
  }
}
