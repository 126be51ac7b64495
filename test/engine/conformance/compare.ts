import type { Outcome } from './jasmine.js';

/** What a run says beside the list of failures that are known, each with its reason. */
export interface Comparison {
  readonly passed: number;
  readonly failed: readonly Outcome[];
  readonly skipped: number;
  /** Failures that are not on the list. */
  readonly unexpected: readonly Outcome[];
  /** On the list, but they pass now, or are gone. */
  readonly mended: readonly string[];
}

export function compare(outcomes: readonly Outcome[], expected: Readonly<Record<string, string>>): Comparison {
  const failed = outcomes.filter(({ status }) => status === 'failed');
  const names = new Set(failed.map(({ name }) => name));
  return {
    passed: outcomes.filter(({ status }) => status === 'passed').length,
    failed,
    skipped: outcomes.filter(({ status }) => status === 'skipped').length,
    unexpected: failed.filter(({ name }) => !Object.hasOwn(expected, name)),
    mended: Object.keys(expected).filter((name) => !names.has(name)),
  };
}
