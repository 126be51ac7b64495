import type { Change, StepEvent, TrainingEvent } from '../core/events.js';

/** What an event tells beside its numbers, in a few words; of a histogram there is nothing to say in a few. */
export function eventNote(event: TrainingEvent): string | undefined {
  switch (event.type) {
    case 'step': {
      const { changes = [], nonFinite } = event;
      const said = [...changes.map(changed), ...(nonFinite ? [skipNote(nonFinite)] : [])];
      return said.length > 0 ? said.join('; ') : undefined;
    }
    case 'validation':
      return event.weights && `validated with ${event.weights} weights`;
    case 'change':
      return changed(event);
    case 'checkpoint':
      return `checkpoint ${event.name}${event.best ? ', the best' : ''}`;
    case 'image':
      return `${event.images.length} images '${event.name}'`;
    case 'text':
      return `text '${event.name}'`;
    case 'end':
      return `ended by ${event.reason}`;
    case 'histogram':
      return undefined;
    default:
      return (event satisfies never as TrainingEvent).type; // a kind of a later version
  }
}

/** What a step's `nonFinite` says. */
export function skipNote({ what, action }: NonNullable<StepEvent['nonFinite']>): string {
  return `${what} not finite, ${action}`;
}

function changed({ what, from, to }: Change): string {
  return `${what} ${from} → ${to}`;
}
