import { concat, concatMap, defer, EMPTY, map, type Observable } from 'rxjs';

import { anchored } from './anchored.js';
import type { Reduces } from './collective.js';
import { ArgumentError, StaleStepError } from './errors.js';
import type { TrainingEvent } from './events.js';
import { holdRound, restoreRound } from './heldRound.js';
import { mergeRounds } from './mergeRounds.js';
import { reducersOf } from './metric.js';
import type { Model } from './model.js';
import type { OuterOptions } from './outerStep.js';
import { printOf, printsOf } from './printsOf.js';
import { STANDS, type Stands } from './replicaNote.js';
import { isReduced, language, type RoundNote } from './roundNote.js';
import { RUN, type InRun } from './run.js';
import type { Held, Holding } from './snapshot.js';
import { talks, type TalkOptions } from './talks.js';
import { through } from './through.js';
import { weightsOf } from './weights.js';

/** How the replicas of a run meet. */
export type RoundOptions = OuterOptions & TalkOptions & { readonly every: number };

/** The steps of a replica since the replicas last met, and their meetings. */
export interface Rounds {
  /** Takes the model's weights for those in common, unless a step has been seen. */
  readonly begin: () => Observable<never>;
  /** Takes in the run of a value. */
  readonly see: (value: InRun) => void;
  /** Whether something waits for the next meeting. */
  readonly isOpen: () => boolean;
  readonly add: (event: TrainingEvent) => void;
  /** Meets the others with what has been added; gives the events of all. */
  readonly meet: (stands: Stands) => Observable<TrainingEvent[]>;
  /** Meets the others until they have no more either. */
  readonly finish: () => Observable<TrainingEvent>;
  /** The same event at the global step of the weights as they are then, be it another's. */
  readonly placed: <E extends TrainingEvent>(event: E) => E;
  readonly isOver: () => boolean;
  /** Leaves the model with weights in common, and has the last word. */
  readonly leave: (stands: Stands) => void;
  readonly hold: () => Holding;
  readonly restore: (held: Held) => void;
}

export function rounds(collective: Reduces, model: Model, options: RoundOptions): Rounds {
  const { every, learningRate, momentum, ...how } = options;
  const common = anchored(model, { learningRate, momentum });
  const { talk, isOver, leave } = talks(collective, language, how);
  let run: InRun = {};
  let held: TrainingEvent[] = []; // since they met
  let newest = 0; // the global step of the newest event, the others' among them
  let met: number | undefined; // when the replicas last did
  let isBegun = false;
  let isAhead = false;

  const reducers = () => reducersOf(run[RUN]?.metrics ?? {});
  const note = (stands: Stands, own: readonly TrainingEvent[]): RoundNote => {
    const same = [...printsOf(weightsOf(model).slots, reducers()), printOf([every, learningRate, momentum])];
    const events = own.filter((event) => event.type === 'step');
    return { stands, globalStep: newest, prints: [...same, common.print()], events };
  };
  const merged = (own: readonly TrainingEvent[], notes: readonly RoundNote[]): TrainingEvent[] => {
    const events = mergeRounds(own, notes, reducers());
    met = newest = Math.max(newest, ...events.map(({ globalStep }) => globalStep));
    const { [RUN]: its } = run;
    const joint = its && { [RUN]: { ...its, globalStep: () => Math.max(its.globalStep?.() ?? 0, newest) } };
    return events.map((event) => (event.type === 'step' ? { ...event, ...joint } : event));
  };
  const goBack = (): void => {
    if (!isAhead) return;
    common.back();
    newest = met ?? newest;
    isAhead = false;
  };
  const meet = (stands: Stands): Observable<TrainingEvent[]> =>
    defer(() => {
      const own = held.splice(0);
      const now = run[RUN]?.globalStep?.() ?? newest;
      if (isAhead && now !== newest) throw new StaleStepError('localSteps', newest, now);
      return common.moved().pipe(
        concatMap((vector) =>
          talk(note(stands, own), vector).pipe(
            map((notes) => {
              if (isOver() && stands === STANDS.step) run[RUN]?.end?.({ reason: 'until' });
              if (!isReduced(notes)) return (goBack(), []);
              common.step(vector);
              isAhead = false;
              return merged(own, notes);
            }),
          ),
        ),
      );
    });
  const finish = (): Observable<TrainingEvent> =>
    defer(() => {
      if (isOver()) return EMPTY;
      const stands = run[RUN]?.ended?.() === 'stopped' ? STANDS.stopped : STANDS.end;
      return concat(meet(stands).pipe(concatMap(through)), finish());
    });
  return {
    begin: () => defer(() => (isBegun ? EMPTY : common.begin())),
    see: ({ [RUN]: its }) => {
      if (its?.model && its.model !== model)
        throw new ArgumentError('localSteps: the model must be the one that is trained, received another');
      isBegun = true;
      run = its ? { [RUN]: its } : {};
    },
    isOpen: () => held.length > 0,
    add: (event) => {
      held.push(event);
      if (event.type !== 'step') return;
      newest = event.globalStep;
      met ??= newest - 1;
      isAhead = true;
    },
    meet,
    finish,
    placed: (event) => (isBegun ? { ...event, globalStep: newest } : event),
    isOver,
    leave: (stands) => {
      goBack();
      if (!isOver()) leave(note(stands, []));
      isBegun = true;
    },
    hold: () => ({ ...holdRound({ met: met ?? 0, held }), ...common.hold() }),
    restore: (saved) => {
      ({ met, held } = restoreRound(saved, run));
      newest = met;
      isAhead = held.length > 0;
      common.restore(saved);
    },
  };
}
