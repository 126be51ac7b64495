import { BehaviorSubject, ReplaySubject, Subject, type Observable } from 'rxjs';

import { assertPositive } from '../core/errors.js';
import type { Command, CommandName } from './protocol.js';

/** What the page's controls do, as streams that a run listens to. */
export interface Controls {
  /** The slider, for an optimizer: `adam({ learningRate: board.learningRate$ })`. */
  readonly learningRate$: Observable<number>;
  /** Pause, resume and step, for `gate`. */
  readonly gate$: Observable<boolean | 'step'>;
  /** Stop, for `train`'s `until`. */
  readonly stop$: Observable<void>;
  /** Checkpoint now, for `checkpointEvery`'s `on`. */
  readonly checkpoint$: Observable<void>;
}

/** The controls, what uses them, and how they stand. */
export interface HeldControls {
  readonly controls: Controls;
  readonly use: (command: Command) => void;
  /** Those that the run listens to. */
  listened(): CommandName[];
  isPaused(): boolean;
  learningRate(): number | undefined;
}

export function holdControls(firstRate?: number): HeldControls {
  const rate$ = new ReplaySubject<number>(1);
  const gate$ = new BehaviorSubject<boolean | 'step'>(true);
  const stop$ = new Subject<void>();
  const checkpoint$ = new Subject<void>();
  let rate: number | undefined;

  const setRate = (value: number): void => {
    assertPositive(value, 'dashboard: learningRate');
    rate = value;
    rate$.next(value);
  };
  if (firstRate !== undefined) setRate(firstRate);

  return {
    controls: {
      learningRate$: rate$.asObservable(),
      gate$: gate$.asObservable(),
      stop$: stop$.asObservable(),
      checkpoint$: checkpoint$.asObservable(),
    },
    use: ({ command, value }) => {
      if (command === 'learningRate') setRate(value ?? NaN);
      else if (command === 'stop') stop$.next();
      else if (command === 'checkpoint') checkpoint$.next();
      else gate$.next(command === 'step' ? command : command === 'resume');
    },
    listened: () => [
      ...(gate$.observed ? (['pause', 'resume', 'step'] as const) : []),
      ...(stop$.observed ? (['stop'] as const) : []),
      ...(checkpoint$.observed ? (['checkpoint'] as const) : []),
      ...(rate$.observed ? (['learningRate'] as const) : []),
    ],
    isPaused: () => gate$.value !== true,
    learningRate: () => rate,
  };
}
