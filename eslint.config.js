import js from '@eslint/js';
import rxjsX from 'eslint-plugin-rxjs-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** `x$` is a variable that holds an Observable; `rxjs-x/finnish` would want the dollar on functions that return one, too. */
const finnish = {
  create: (context) => ({
    'VariableDeclarator > Identifier.id': (node) => {
      const type = context.sourceCode.parserServices.getTypeAtLocation(node).symbol?.name ?? '';
      if (/^(Observable|\w*Subject)$/.test(type) && !node.name.endsWith('$'))
        context.report({ node, message: `${node.name} holds an ${type}: call it ${node.name}$.` });
    },
  }),
};

const clock = 'Take the time from the scheduler, so that tests can stop the clock.';

export default defineConfig(
  globalIgnores(['dist/', 'examples/out/', 'test/.bundled/', 'test/bench/run.bundled.js']),
  {
    files: ['**/*.{ts,tsx,js,cjs}'],
    extends: [js.configs.recommended],
    languageOptions: { globals: { console: 'readonly', process: 'readonly' } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { module: 'writable' } },
  },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, rxjsX.configs.strict],
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { house: { rules: { finnish } } },
    rules: {
      'house/finnish': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowArray: true },
      ],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Arguments are checked at run time for those who call without types, and messages say what they passed.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      // With noUncheckedIndexedAccess every index into an array would need a branch that is never taken.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `() => void | ObservableInput<unknown>` is what a callback that may take time is.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // An async generator without await is how an array becomes an AsyncIterable.
      '@typescript-eslint/require-await': 'off',
      // 8.73 removes assertions that tsc needs.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // TensorFlow.js and csv-parse declare as classes what they give as plain objects.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A run without a value is an error, not a default.
      'rxjs-x/no-ignored-default-value': 'off',
    },
  },
  {
    files: ['operators/**/*.ts', 'src/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take a seeded generator: the same seed gives the same run.' },
        { object: 'Date', property: 'now', message: clock },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Export names one by one.' },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: clock },
        {
          selector: 'CallExpression[callee.property.name=/^(dataSync|arraySync)$/]',
          message: 'It stalls the device; read through tensors().read().',
        },
      ],
    },
  },
  {
    // The one place that may read at once, on engines whose results are at hand.
    files: ['src/engine/**/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    // A test does on purpose what types and good manners forbid.
    files: ['test/**/*.ts'],
    rules: {
      'house/finnish': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'rxjs-x/no-ignored-error': 'off',
      'rxjs-x/no-implicit-any-catch': 'off',
      'rxjs-x/no-subscribe-in-pipe': 'off',
      'rxjs-x/throw-error': 'off',
    },
  },
);
