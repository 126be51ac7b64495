// A run beside other streams of an app: keys change its learning rate and pause it, a clock asks how far it is, Ctrl-C or q ends it.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/keys.ts
import { finalize, fromEvent, interval, map, mergeMap } from 'rxjs';
import { adamw, engine } from 'gradstream';

import { spiralRun } from './spirals.js';
import { steered } from './steered.js';

const { tf } = await engine('auto');
const { stdin } = process;
if (stdin.isTTY) stdin.setRawMode(true); // keys come at once, Ctrl-C as one of them

const key$ = fromEvent(stdin, 'data').pipe(
  mergeMap((keys) => String(keys)),
  map((key) => (key === '\x03' ? 'q' : key)),
  finalize(() => stdin.destroy()), // else the process would wait for more
);

console.log('+ and - change the learning rate, space pauses, q ends');
steered(
  ({ learningRate$, stop$ }) =>
    spiralRun(tf, { optimizer: adamw({ learningRate: learningRate$ }), epochs: 1000, until: stop$ }),
  { key$, tick$: interval(1000), end$: fromEvent(process, 'SIGTERM') },
).subscribe({
  next: (line) => console.log(line),
  error: (error: unknown) => {
    throw error;
  },
});
