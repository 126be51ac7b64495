import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as operators from 'ix/asynciterable/operators';
import * as rxjs from 'rxjs';

import type { CodeBlock } from './codeBlocks.js';

/** Where a name comes from, the first that has it. */
const ENTRIES = {
  gradstream: 'src/index.ts',
  'gradstream/testing': 'src/testing/index.ts',
  'gradstream/replicas': 'src/replicas/index.ts',
  'gradstream/checkpoint': 'src/checkpoint/index.ts',
  'gradstream/checkpoint/node': 'src/checkpoint/node.ts',
  'gradstream/checkpoint/s3': 'src/checkpoint/s3.ts',
  'gradstream/plot': 'src/plot/index.ts',
  'gradstream/sinks': 'src/sinks/index.ts',
  'gradstream/sinks/mlflow': 'src/sinks/mlflow.ts',
  'gradstream/sinks/wandb': 'src/sinks/wandb.ts',
  'gradstream/sinks/node': 'src/sinks/node.ts',
  'gradstream/sinks/prometheus': 'src/sinks/prometheus.ts',
  'gradstream/sinks/tensorboard': 'src/sinks/tensorBoard.ts',
  'gradstream/dashboard': 'src/dashboard/index.ts',
};

/** A code block with an import for every name of the library, RxJS or (on the data side) IxJS that it uses and does not import or declare itself. */
export function withImports(root: string, { at, code }: CodeBlock): string {
  const used = new Set(code.match(/[A-Za-z_$][\w$]*/g));
  const declared = new Set(
    [...code.matchAll(/\b(?:const|let|function|class|interface|type) (\w+)/g)].map(([, name]) => name),
  );
  const imported = new Set(
    [...code.matchAll(/import (?:type )?\{([^}]*)\}/g)].flatMap(([, names]) =>
      names!.split(',').map((name) => name.trim()),
    ),
  );
  const free = (name: string): boolean => used.has(name) && !declared.has(name) && !imported.has(name);

  const seen = new Set<string>();
  const lines = exportsOf(root, at).flatMap(([module, names]) => {
    const wanted = names.filter((name) => {
      const bare = name.replace('type ', '');
      const first = !seen.has(bare) && free(bare);
      if (first) seen.add(bare);
      return first;
    });
    return wanted.length > 0 ? [`import { ${wanted.join(', ')} } from '${module}';`] : [];
  });
  return `${lines.join('\n')}\n${code}\nexport {};\n`;
}

function exportsOf(root: string, at: string): [string, string[]][] {
  const own = Object.entries(ENTRIES).map(([module, file]): [string, string[]] => {
    const text = readFileSync(join(root, file), 'utf8');
    const names = [...text.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, type = '', list]) =>
      list!
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean)
        .map((name) => `${type}${name}`),
    );
    const declared = [...text.matchAll(/export function (\w+)/g)].map(([, name]) => name!);
    return [module, [...names, ...declared]];
  });
  const isData = at.startsWith('src/data');
  return [
    ...own,
    isData ? ['ix/asynciterable/operators', Object.keys(operators)] : ['rxjs', Object.keys(rxjs)],
    ['ix/asynciterable', ['from']],
  ];
}
