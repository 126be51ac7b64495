import { findBuild, nativeFolder } from '../../../src/engine/node/place.js';

const found = findBuild(nativeFolder(), 'cpu') ?? findBuild(nativeFolder(), 'gpu');

/** Whether tests of native TensorFlow are left out: it is not installed, and this is not CI, where that is a failure. */
export const absent = !found && !process.env['CI'];

/** How such tests are titled. */
export const INSTALLED = absent
  ? '(not installed: run `npx tsx src/cli/main.ts native install`)'
  : '(native TensorFlow)';
