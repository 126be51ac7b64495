import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const present = spawnSync('python3', ['-c', 'import importlib.util as u, sys; sys.exit(not u.find_spec("tensorboard"))']).status === 0; // prettier-ignore

/** Why there is no TensorBoard to read with; empty if there is one. In CI that is no excuse. */
export const missing =
  process.env['CI'] === 'true' || present
    ? ''
    : ' (skipped: no TensorBoard; python3 -m pip install tensorboard gets one)';

/** Starts TensorBoard over a folder; gives its address, and what ends it. */
export async function startTensorBoard(folder: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const args = ['-m', 'tensorboard.main', '--logdir', folder, '--port', '0', '--host', '127.0.0.1'];
  const server = spawn('python3', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(server, 'exit');
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (text: Buffer): void => {
      said += text.toString();
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
      if (address) resolve(address);
    };
    server.stdout.on('data', hear);
    server.stderr.on('data', hear);
    server.on('error', reject);
    void ended.then(() => reject(new Error(`TensorBoard must start: ${said}`)));
  });
  const stop = async (): Promise<void> => {
    server.kill();
    await ended;
  };
  return { url, stop };
}
