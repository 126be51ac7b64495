import type { Opened } from '../opened.js';

/** TensorFlow.js in plain JavaScript: slow, deterministic, and what the other engines are compared with. */
export async function openCpu(): Promise<Opened> {
  const tf = await import('@tensorflow/tfjs');
  if (!(await tf.setBackend('cpu'))) throw new Error('TensorFlow.js could not start its cpu backend');
  await tf.ready();
  return { tf, about: 'plain JavaScript' };
}
