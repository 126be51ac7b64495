// Serves one of the pages beside it: bundled when it is loaded, so that it can be changed and loaded again.
//
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/page.ts react
//   npm run build && npx tsx --tsconfig tsconfig.build.json examples/page.ts worker
import { fileURLToPath } from 'node:url';

import { servePage } from './servePage.js';

const PAGES: Readonly<Record<string, readonly string[]>> = { react: ['main.tsx'], worker: ['main.ts', 'worker.ts'] };

const name = process.argv[2] ?? '';
const scripts = PAGES[name];
if (!scripts) throw new Error(`the page must be one of ${Object.keys(PAGES).join(', ')}, received '${name}'`);
const { url } = await servePage(fileURLToPath(new URL(name, import.meta.url)), scripts);
console.log(`${url}  (Ctrl-C stops)`);
