import { nextTurn } from './nextTurn.js';

/** What comes instead of a value when a source is to stop. */
export const STOPPED: unique symbol = Symbol('gradstream.stopped');

/** A wish to stop, and waiting that heeds it. */
export interface Stopping {
  readonly stop: () => void;
  readonly isAsked: () => boolean;
  /** Asks to stop now, and that the value under way counts as not given. */
  readonly giveBack: () => void;
  readonly isGivenBack: () => boolean;
  /** The promise's value; {@link STOPPED} once stopping is asked for, unless the value comes by the next turn of the event loop. */
  readonly orStopped: <T>(promise: Promise<T>) => Promise<T | typeof STOPPED>;
}

/** A wish to stop that nobody has had yet. */
export function stopping(): Stopping {
  let asked = false;
  let givenBack = false;
  let wake: () => void = () => undefined;
  const wakeSoon = (): void => void nextTurn().then(() => wake());
  const stop = (): void => {
    asked = true;
    wakeSoon();
  };
  return {
    stop,
    isAsked: () => asked,
    giveBack: () => {
      givenBack = true;
      stop();
    },
    isGivenBack: () => givenBack,
    // Promise.race would keep a reaction for each value on the one promise that lasts.
    orStopped: <T>(promise: Promise<T>) =>
      new Promise<T | typeof STOPPED>((resolve, reject) => {
        wake = () => resolve(STOPPED);
        if (asked) wakeSoon();
        promise.then(resolve, reject);
      }),
  };
}
