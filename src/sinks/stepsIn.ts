import type { StepEvent } from '../core/events.js';

/**
 * How many steps so many epochs have, as far as the steps that have come can tell: once one epoch has followed another. Exactly, if every step comes; else it
 * is reckoned with the middle between the last step of the one that has come and the first of the other.
 */
export function stepsIn(epochs: number): (event: StepEvent) => number | undefined {
  let last: StepEvent | undefined;
  let perEpoch: number | undefined;
  return (event) => {
    if (last && event.epoch > last.epoch)
      perEpoch = (last.globalStep + event.globalStep - 1) / (last.epoch + event.epoch - 1);
    last = event;
    return perEpoch === undefined ? undefined : Math.round(perEpoch * epochs);
  };
}
