import { Command } from 'commander';

import { installNative, type Installed } from '../engine/node/install/installNative.js';
import { progressLines } from './progressLines.js';

/** The TensorFlow that gradstream is tested with. */
const TENSORFLOW = '2.21.0';

/** The exit code of a process that a signal has ended, by convention. */
const EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/** `gradstream native install`: gets native TensorFlow and builds its binding for this project. */
export function nativeCommand(): Command {
  const install = new Command('install')
    .description("get native TensorFlow from PyPI and build its binding, for engine('node')")
    .option('--gpu', 'for NVIDIA GPUs, with the CUDA libraries (some 6 GB on disk)', false)
    .option('--tensorflow <version>', "TensorFlow's version", TENSORFLOW)
    .action(run);
  return new Command('native').description('native TensorFlow').addCommand(install);
}

async function run({ gpu, tensorflow }: { gpu: boolean; tensorflow: string }): Promise<void> {
  const abort = new AbortController();
  const stop = (signal: keyof typeof EXIT) => (): void => {
    process.exitCode = EXIT[signal];
    abort.abort();
  };
  const [onInterrupt, onTerminate] = [stop('SIGINT'), stop('SIGTERM')];
  process.once('SIGINT', onInterrupt).once('SIGTERM', onTerminate);
  const lines = progressLines(process.stderr);
  try {
    const device = gpu ? 'gpu' : 'cpu';
    const installed = await installNative({ device, tensorflow, signal: abort.signal, report: lines.report });
    lines.done();
    process.stdout.write(`${summary(installed)}\n`);
  } catch (error) {
    lines.failed();
    if (!abort.signal.aborted) throw error;
    process.stderr.write('stopped; nothing half-built is left, and what was downloaded is kept\n');
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
  }
}

function summary({ tensorflow, device, before, gpu, folder }: Installed): string {
  const what = `TensorFlow ${tensorflow} for the ${device.toUpperCase()} ${before ? 'is there already' : 'is installed'}: ${folder}`;
  return device === 'gpu' && !gpu
    ? `${what}\nIt loads, but finds no GPU here; \`gradstream doctor node\` says why.`
    : what;
}
