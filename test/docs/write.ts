// `npm run docs`: writes what is made from the doc comments.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { operatorsReadme } from './operatorTable.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
writeFileSync(`${root}operators/README.md`, operatorsReadme(root));
