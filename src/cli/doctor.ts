import { spawn } from 'node:child_process';

import { Argument, Command, Option } from 'commander';

import { messageOf } from '../core/errors.js';
import type { Opened } from '../engine/opened.js';

/** An engine as the doctor knows it. */
interface Patient {
  readonly open: () => Promise<Opened>;
  /** What gets it, where its errors do not say so. */
  readonly get?: string;
}

const PATIENTS: Readonly<Record<string, Patient>> = {
  wasm: { open: async () => (await import('../engine/wasm/wasm.js')).openWasm() },
  cpu: { open: async () => (await import('../engine/cpu/cpu.js')).openCpu() },
  webgpu: {
    open: async () => (await import('../engine/webgpu/webgpu.js')).openWebgpu(),
    get: 'npm install webgpu @tensorflow/tfjs-backend-webgpu (and a GPU)',
  },
  node: { open: async () => (await import('../engine/node/node.js')).openNode() },
};

/** What was found. */
interface Finding {
  readonly engine: string;
  readonly works: boolean;
  /** What it runs on, or what is missing. */
  readonly about: string;
}

/** `gradstream doctor`: which engines work here, and how to get the others. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say which engines work here, what the others miss, and how to get them')
    .addArgument(
      new Argument('[engines...]', 'the engines to look at; all unless given').choices(Object.keys(PATIENTS)),
    )
    .addOption(new Option('--probe').hideHelp())
    .addHelpText(
      'after',
      '\nExits with 0 if every engine that was named works, without names if any does; otherwise with 1.',
    )
    .action(async (named: string[], { probe }: { probe?: boolean }) => {
      if (probe) return print(await look(named[0]!));
      const names = named.length > 0 ? named : Object.keys(PATIENTS);
      const findings: Finding[] = [];
      for (const name of names) findings.push(await lookApart(name));
      process.stdout.write(table(findings));
      const works = findings.filter((finding) => finding.works).length;
      process.exitCode = works > 0 && (named.length === 0 || works === findings.length) ? 0 : 1;
    });
}

const MARK = 'gradstream doctor: ';

/** Opens an engine in this process and multiplies two matrices. */
async function look(engine: string): Promise<Finding> {
  try {
    const { tf, about, close } = await PATIENTS[engine]!.open();
    const product = await tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).data();
    close?.();
    return product[0] === 11
      ? { engine, works: true, about }
      : { engine, works: false, about: `[1, 2] times [3, 4] must be 11, it is ${product[0]}` };
  } catch (error) {
    return { engine, works: false, about: messageOf(error) };
  }
}

function print(finding: Finding): void {
  process.stdout.write(`${MARK}${JSON.stringify(finding)}\n`);
}

/** Looks at an engine in a process of its own: engines are global, and a native one may take its process down. */
function lookApart(engine: string): Promise<Finding> {
  return new Promise((resolve, reject) => {
    const args = [...process.execArgv, process.argv[1]!, 'doctor', '--probe', engine];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    child.stdout.on('data', (text) => (printed += String(text)));
    child.stderr.on('data', (text) => (printed += String(text)));
    child.on('error', reject);
    child.on('close', (code, killedBy) => {
      const said = printed.split('\n').find((line) => line.startsWith(MARK));
      const crash = `its process ended with ${killedBy ?? code}: ${printed.trim().slice(-500)}`;
      resolve(said ? (JSON.parse(said.slice(MARK.length)) as Finding) : { engine, works: false, about: crash });
    });
  });
}

/** A line for each engine, and below it the command that gets what is missing. */
function table(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ engine, works, about }) => [
    `${engine.padEnd(8)}${(works ? 'works' : 'missing').padEnd(9)}${about.replaceAll('\n', `\n${' '.repeat(17)}`)}`,
    ...(works || !PATIENTS[engine]!.get ? [] : [`${' '.repeat(17)}get it: ${PATIENTS[engine]!.get}`]),
  ]);
  return ['engine  state    about', ...lines, ''].join('\n');
}
