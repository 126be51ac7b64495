import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { S3 } from '@aws-sdk/client-s3';

const present = spawnSync('python3', ['-c', 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))', 'flask', 'flask_cors', 'moto']).status === 0; // prettier-ignore

/** Why there is no S3 server to test with; empty if there is one. In CI that is no excuse. */
export const missing =
  process.env['CI'] === 'true' || present
    ? ''
    : " (skipped: no server; python3 -m pip install 'moto[s3]' flask flask-cors gets one)";

// It ends when its input does, which is when this process ends, however that happens.
const SERVER = `
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
# What would take a thousand requests: more keys than are listed at once.
from moto.s3.models import s3_backends
backend = s3_backends['123456789012']['aws']
backend.create_bucket('many', 'us-east-1')
for i in range(1003): backend.put_object('many', f'runs/{i:04}.checkpoint.json', b'{}')
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()`;

/** A server that speaks S3, reached over a wire that can be cut. */
export interface S3Server {
  readonly client: S3;
  /** Cuts the wire: connections break, and new ones are refused. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts moto, the server that AWS's Python world tests with. */
export async function startS3(): Promise<S3Server> {
  const server = spawn('python3', ['-c', SERVER], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(server, 'exit');
  let complaints = '';
  server.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
  const said = await Promise.race([once(server.stdout, 'data'), ended]);
  const port = Number(String(said[0]).trim());
  if (server.exitCode !== null || !port) throw new Error(`S3's server must start: ${complaints}`);

  const wires = new Set<Socket>();
  const wire = createServer((from) => {
    const to = connect(port, '127.0.0.1');
    for (const [one, other] of [[from, to], [to, from]] as const) {
      wires.add(one);
      one.pipe(other); // passes the end on, too
      one.on('error', () => other.destroy()).on('close', () => wires.delete(one));
    }
  }); // prettier-ignore
  await once(wire.listen(0, '127.0.0.1'), 'listening');
  const at = (wire.address() as AddressInfo).port;
  const client = new S3({
    endpoint: `http://127.0.0.1:${at}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
    maxAttempts: 1,
  });
  const goAway = async (): Promise<void> => {
    const closed = once(wire.close(), 'close');
    wires.forEach((each) => each.destroy());
    await closed;
  };
  return {
    client,
    goAway,
    comeBack: async () => {
      if (!wire.listening) await once(wire.listen(at, '127.0.0.1'), 'listening');
    },
    stop: async () => {
      client.destroy();
      if (wire.listening) await goAway();
      server.stdin.end();
      await ended;
    },
  };
}
