import * as gradstream from 'gradstream';

// What an app that uses all of it loads.
Object.assign(globalThis, { gradstream });
