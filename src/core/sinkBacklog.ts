/** Events that wait for a sink that is busy: all that are no steps, and so many of the newest steps. */
export interface SinkBacklog<E> {
  push(this: void, event: E): void;
  shift(this: void): E | undefined;
  isEmpty(this: void): boolean;
  /** Lets the oldest steps go until there are no more than may wait. */
  trim(this: void): void;
  /** How many were let go since this was last asked. */
  takeDropped(this: void): number;
}

/** A backlog in which `capacity` steps may wait. As with `logEvery`, only steps are thinned out: the end, validations, checkpoints and changes are few. */
export function sinkBacklog<E extends object>(capacity: number): SinkBacklog<E> {
  const waiting: E[] = [];
  let steps = 0;
  let dropped = 0;
  return {
    push: (event) => {
      waiting.push(event);
      if (isStep(event)) steps += 1;
    },
    shift: () => {
      const event = waiting.shift();
      if (event && isStep(event)) steps -= 1;
      return event;
    },
    isEmpty: () => waiting.length === 0,
    trim: () => {
      for (; steps > capacity; steps -= 1, dropped += 1) waiting.splice(waiting.findIndex(isStep), 1);
    },
    takeDropped: () => {
      const count = dropped;
      dropped = 0;
      return count;
    },
  };
}

/** What says of itself that it is something else is no step. */
function isStep(event: object): boolean {
  return ((event as { type?: unknown }).type ?? 'step') === 'step';
}
