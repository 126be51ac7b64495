import { engine, type Engine, type EngineName } from '../engine/engine.js';

/** Opens an engine, whose TensorFlow.js says nothing of its own: its advice which backend to take would stand among what the command says. */
export async function openEngine(name: EngineName | 'auto'): Promise<Engine> {
  const opened = await engine(name);
  opened.tf.enableProdMode();
  return opened;
}
