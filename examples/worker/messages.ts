import type { TrainingEvent } from 'gradstream';

/** What the worker tells the page; the page tells it 'stop'. */
export type Message =
  | { readonly kind: 'engine'; readonly text: string }
  | { readonly kind: 'events'; readonly events: readonly TrainingEvent[] }
  | { readonly kind: 'failed'; readonly text: string };
