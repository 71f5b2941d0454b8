// Rules that keep promises handled, errors typed and files small. Layers are checked by dependency-cruiser.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const LONG_FILE = ['error', { max: 500, skipBlankLines: true, skipComments: true }];
const LONG_FUNCTION = ['error', { max: 70, skipBlankLines: true, skipComments: true }];

const bareError = {
  selector: 'NewExpression[callee.name="Error"]',
  message: 'Operating errors are BrokerError with a code of @robustmq/errors; a bug is an assert.',
};
const impureCore = [
  {
    selector: 'MemberExpression[object.name="Math"][property.name="random"]',
    message: 'A core takes randomness as an input.',
  },
  {
    selector: 'MemberExpression[object.name="Date"][property.name="now"]',
    message: 'A core takes time as an input.',
  },
  {
    selector: 'CallExpression[callee.name=/^set(Timeout|Interval|Immediate)$/]',
    message: 'A core has no timers: its shell has.',
  },
  { selector: 'MemberExpression[object.name="console"]', message: 'A core does not log.' },
  { selector: ':function[async=true]', message: 'A core is synchronous.' },
];
const cores = [
  'mqtt-codec',
  'mqtt-session',
  'mqtt-topics',
  'kafka-codec',
  'kafka-group',
  'producer-state',
  'record-batch',
  'replication',
];

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      '**/dist/**',
      '**/generated/**',
      '**/coverage/**',
      '.nx/**',
      '.tools-cache/**',
      'data/**',
      '.test-results/**',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-constant-condition': ['error', { checkLoops: false }],
      'max-lines': LONG_FILE,
      'max-lines-per-function': LONG_FUNCTION,
    },
  },
  {
    files: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', bareError] },
  },
  {
    files: cores.map((core) => `libs/${core}/src/**/*.ts`),
    rules: { 'no-restricted-syntax': ['error', bareError, ...impureCore] },
  },
  {
    // Tests read as stories: a describe block is one function to the rule, a table test is long.
    files: ['**/test/**/*.ts', '**/*.test.ts', 'e2e/**/*.test.ts'],
    // Jest's asymmetric matchers are typed any.
    rules: {
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 800, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        module: 'writable',
        require: 'readonly',
        __dirname: 'readonly',
        URL: 'readonly',
      },
    },
  },
);
