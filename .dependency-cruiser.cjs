/** Who may import whom. @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'Files that import each other cannot be understood, tested or loaded one by one.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { path: '^(operators|src|test|examples)/', pathNot: '^src/core/' },
    },
    {
      name: 'operators-import-core-only',
      severity: 'error',
      comment:
        'What an operator needs from an engine, an optimizer or a collective is an argument whose type is in src/core.',
      from: { path: '^operators/' },
      to: { path: '^(src|test|examples)/', pathNot: '^src/core/' },
    },
    {
      name: 'operators-load-only-rxjs',
      severity: 'error',
      from: { path: '^operators/' },
      to: { pathNot: '^(operators|src|test|examples|node_modules/rxjs)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nothing-imports-test-or-examples',
      severity: 'error',
      from: { pathNot: '^(test|examples)/' },
      to: { path: '^(test|examples)/' },
    },
    {
      name: 'no-index-from-inside',
      severity: 'error',
      comment: 'Import the file itself: barrels are how cycles begin.',
      from: { path: '^(operators|src)/' },
      to: { path: '^(operators|src)[^.]*/index[.]ts$' },
    },
    {
      name: 'tensorflow-in-engine-only',
      severity: 'error',
      comment: 'Everywhere else it is `import type` and tensors(); so nothing loads an engine before one is chosen.',
      from: { path: '^(operators|src)/', pathNot: '^src/engine/' },
      to: { path: '(^|/)@tensorflow/tfjs(-core|-layers|-data)?(/|$)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'backends-in-engine-only',
      severity: 'error',
      from: { path: '^(operators|src|examples)/', pathNot: '^src/engine/' },
      to: { path: '(^|/)(@tensorflow/tfjs-(node|backend-wasm|backend-webgpu)|node_modules/webgpu(/|$))' },
    },
    {
      name: 'koffi-in-replicas-only',
      severity: 'error',
      from: { pathNot: '^src/replicas/' },
      to: { path: '(^|/)koffi(/|$)' },
    },
    {
      name: 'only-declared-dependencies',
      severity: 'error',
      comment: 'What users install with the package: dependencies and peers, no dev dependency.',
      // The page is bundled with what it needs.
      from: { path: '^(operators|src)/', pathNot: '^src/dashboard/page/' },
      to: {
        pathNot: '^@tensorflow/tfjs-node-gpu$', // an optional peer is not found where it is not installed
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional', 'type-only'],
      },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'No entry point leads there: export it, or delete it.',
      from: {
        path: '^((operators|src|src/[^/]+)/index|src/cli/main|src/checkpoint/(node|s3)|src/sinks/(mlflow|node|prometheus|tensorBoard|wandb)|src/dashboard/page/page)[.]ts$',
      },
      to: {
        path: '^(operators|src)/',
        pathNot:
          '(/index|/cli/main|/checkpoint/(node|s3)|/sinks/(mlflow|node|prometheus|tensorBoard|wandb)|/dashboard/page/page)[.]ts$',
        reachable: false,
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^test/([.]bundled/|bench/run[.]bundled)' }, // what a test that was killed leaves, and the bench
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
