import { ArgumentError } from './errors.js';

/** How a step is compiled; that it must be is an error where it cannot. */
export interface CompileOptions {
  /**
   * Whether XLA compiles the pass. 'auto', which is meant unless given, does so on a GPU. On the CPU it halves the time of small dense layers, but takes
   * seconds at the start and makes convolutions and unrolled loops slower: for long runs of such models only.
   */
  readonly xla: 'auto' | boolean;
}

/** Whether a step is compiled: true, false, 'auto' where it can be; an object is true, with more to say. */
export type CompileOption = 'auto' | boolean | CompileOptions;

/** How a step is to be compiled, if at all: `strict` makes it an error if it cannot be. */
export interface Compilation extends CompileOptions {
  readonly strict: boolean;
}

/** What `compile` asks for; undefined if it is not to be compiled. */
export function compilation(compile: CompileOption): Compilation | undefined {
  const isSwitch = (value: unknown): boolean => value === 'auto' || typeof value === 'boolean';
  const xla = isSwitch(compile) ? 'auto' : (compile as Partial<CompileOptions> | null)?.xla;
  if (!isSwitch(xla))
    throw new ArgumentError(
      `trainStep: compile must be 'auto', true, false or { xla: one of these }, received ${JSON.stringify(compile)}`,
    );
  return compile === false ? undefined : { strict: compile !== 'auto', xla: xla! };
}
