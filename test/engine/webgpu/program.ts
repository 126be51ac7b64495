// A program of its own, for tests of what happens to a process: program.ts MODE
import * as tf from '@tensorflow/tfjs';
import { lastValueFrom } from 'rxjs';

import { useTensorFlow } from '../../../src/engine/engine.js';
import { openWebgpu } from '../../../src/engine/webgpu/webgpu.js';
import { adam } from '../../../src/optim/adam.js';
import { train } from '../../../src/trainer/train.js';
import { batchesOf, line, squaredError } from '../../support/line.js';

const [mode] = process.argv.slice(2);
if (mode === 'imported too early') await import('@tensorflow/tfjs-backend-webgpu');

try {
  const before = globalThis.navigator as unknown;
  const opened = await openWebgpu();
  useTensorFlow(opened.tf);
  const run$ = train(line(), () => batchesOf([3, 2, 3, 1]), { loss: squaredError, optimizer: adam(), steps: 10 });

  if (mode === 'unsubscribes') {
    const run = run$.subscribe();
    await new Promise((resolve) => setTimeout(resolve, 20));
    run.unsubscribe();
  } else {
    const { type } = await lastValueFrom(run$);
    console.log(type);
  }
  if (mode === 'closes') {
    opened.close!();
    opened.close!();
    console.log(
      globalThis.navigator === before && !('gpu' in (globalThis.navigator ?? {})) ? 'as before' : 'not as before',
    );
  }
} catch (error) {
  console.log(`${tf.getBackend() ?? 'no engine'}: ${(error as Error).message}`);
}
console.log('done');
