import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Ajv, type SchemaObject } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { isCi } from '../support/inCi.js';

const pathOf = (file: string): string => fileURLToPath(new URL(`../../examples/cluster/${file}`, import.meta.url));
const read = (file: string): unknown => parse(readFileSync(pathOf(file), 'utf8'));

/** What `.ci/run` gets: the projects' own definitions of their resources. */
const crds = fileURLToPath(new URL('../../node_modules/.cache/crds', import.meta.url));
const noCrds = isCi || existsSync(crds) ? '' : ' (skipped: bash .ci/run gets the schemas)';

interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: SchemaObject };
    }[];
  };
}

/** A resource's schema as JSON Schema; what it does not name is an error, as `kubectl --validate=strict` has it. */
function schemaOf(file: string, version: string): SchemaObject {
  const { spec } = parse(readFileSync(`${crds}/${file}`, 'utf8')) as Definition;
  return strict(spec.versions.find(({ name }) => name === version)!.schema.openAPIV3Schema) as SchemaObject;
}

function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const own = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  const isOpen = own['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in own;
  if (own['x-kubernetes-int-or-string'] === true) delete own['type'];
  return own['type'] === 'object' && typeof own['properties'] === 'object' && !isOpen
    ? { ...own, additionalProperties: false }
    : own;
}

/** What of a resource is not as its schema says. */
function checker(schema: SchemaObject): (value: unknown) => string[] {
  const ajv = new Ajv({ strict: false, allErrors: true, formats: { int32: true, int64: true, 'date-time': true } });
  const validate = ajv.compile(schema);
  return (value) =>
    validate(value) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe.skipIf(noCrds)(`what goes to Kubernetes${noCrds}`, () => {
  it.each([
    ['jobset.yaml', 'jobset.x-k8s.io_jobsets.yaml', 'v1alpha2'],
    ['mpijob.yaml', 'kubeflow.org_mpijobs.yaml', 'v2beta1'],
  ])('%s is what its controller takes', (file, definition, version) => {
    const schema = schemaOf(definition, version);
    schema['properties'].metadata = { type: 'object', required: ['name'] }; // the server's to check
    const problems = checker(schema);
    const text = readFileSync(pathOf(file), 'utf8');
    expect(problems(parse(text))).toStrictEqual([]);
    expect(problems(parse(text.replace('command:', 'commands:')))).toHaveLength(1);
    expect(problems(parse(text.replace('Seconds: 120', 'Seconds: two minutes')))).toHaveLength(1);
  });
});

interface JobSet {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicatedJobs: readonly {
      readonly name: string;
      readonly template: {
        readonly spec: {
          readonly parallelism: number;
          readonly template: {
            readonly spec: { readonly containers: readonly [{ readonly args: readonly string[] }] };
          };
        };
      };
    }[];
  };
}

it('the JobSet starts a rank on each of its workers', () => {
  const { metadata, spec } = read('jobset.yaml') as JobSet;
  const [worker, launcher] = spec.replicatedJobs;
  const hosts = Array.from(
    { length: worker!.template.spec.parallelism },
    (_, i) => `${metadata.name}-${worker!.name}-0-${i}.${metadata.name}`,
  );
  const { args } = launcher!.template.spec.template.spec.containers[0];
  expect(args[args.indexOf('--host') + 1]!.split(',')).toStrictEqual(hosts);
});

it('the MPIJob starts a rank on each of its workers', () => {
  const { spec } = read('mpijob.yaml') as {
    spec: {
      slotsPerWorker: number;
      mpiReplicaSpecs: {
        Launcher: { template: { spec: { containers: [{ command: string[] }] } } };
        Worker: { replicas: number };
      };
    };
  };
  const { Launcher, Worker } = spec.mpiReplicaSpecs;
  const { command } = Launcher.template.spec.containers[0];
  expect(command[command.indexOf('-n') + 1]).toBe(String(Worker.replicas * spec.slotsPerWorker));
});

describe('what goes to Slurm', () => {
  const script = pathOf('train.slurm');

  it('is a script that bash takes', () => {
    expect(execFileSync('bash', ['-n', script], { encoding: 'utf8' })).toBe('');
  });

  const noCheck = isCi || has('shellcheck') ? '' : ' (skipped: apt-get install -y shellcheck)';
  it.skipIf(noCheck)(`has nothing that shellcheck finds${noCheck}`, () => {
    const { stdout, status } = spawnSync('shellcheck', ['--enable=all', '--exclude=SC2250,SC2312', script], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});

function has(command: string): boolean {
  return spawnSync(command, ['--version']).error === undefined;
}
