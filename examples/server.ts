// Trains, and streams the run to every browser and program that asks: server-sent events, from the first one on.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/server.ts
//   curl -N http://127.0.0.1:8080/events
import { engine } from 'gradstream';

import { eventServer } from './eventServer.js';
import { spiralRun } from './spirals.js';

const { tf } = await engine('auto');
console.log(`${await eventServer(spiralRun(tf)).listen({ port: 8080 })}  (Ctrl-C stops)`);
