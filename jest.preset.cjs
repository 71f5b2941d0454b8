// One jest preset for every package: swc transforms, no globals shared between test files.
const path = require('node:path');

/** @param {string} projectDir @param {{coverageLines?: number, testTimeoutMs?: number}} [options] */
module.exports = function preset(projectDir, options = {}) {
  return {
    rootDir: projectDir,
    testEnvironment: 'node',
    testMatch: ['<rootDir>/{src,test}/**/*.test.ts'],
    transform: {
      '(\\.[cm]?tsx?|/node_modules/cookie/.+\\.js)$': [
        '@swc/jest',
        {
          jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
          module: { type: 'commonjs' },
          sourceMaps: 'inline',
        },
      ],
    },
    // Dependencies that ship only ES modules are transformed like our own sources.
    transformIgnorePatterns: ['/node_modules/(?!\\.pnpm/|cookie/)', '/node_modules/\\.pnpm/(?!cookie@)'],
    testTimeout: options.testTimeoutMs ?? 20_000,
    collectCoverageFrom: ['src/**/*.ts', '!src/**/*.test.ts', '!src/**/generated/**', '!src/**/main.ts'],
    coverageDirectory: path.join(projectDir, 'coverage'),
    coverageReporters: ['text-summary', 'json-summary'],
    ...(options.coverageLines === undefined
      ? {}
      : { coverageThreshold: { global: { lines: options.coverageLines } } }),
  };
};
