// One jest preset for every package: swc transforms, no globals shared between test files.
const path = require('node:path');

/** @param {string} projectDir @param {{coverageLines?: number, testTimeoutMs?: number}} [options] */
module.exports = function preset(projectDir, options = {}) {
  return {
    rootDir: projectDir,
    testEnvironment: 'node',
    testMatch: ['<rootDir>/{src,test}/**/*.test.ts'],
    transform: {
      '^.+\\.[cm]?tsx?$': [
        '@swc/jest',
        {
          jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
          module: { type: 'commonjs' },
          sourceMaps: 'inline',
        },
      ],
    },
    testTimeout: options.testTimeoutMs ?? 20_000,
    collectCoverageFrom: ['src/**/*.ts', '!src/**/*.test.ts', '!src/**/generated/**', '!src/**/main.ts'],
    coverageDirectory: path.join(projectDir, 'coverage'),
    coverageReporters: ['text-summary', 'json-summary'],
    ...(options.coverageLines === undefined
      ? {}
      : { coverageThreshold: { global: { lines: options.coverageLines } } }),
  };
};
