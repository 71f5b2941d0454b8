const preset = require('../../../jest.preset.cjs')(__dirname, { testTimeoutMs: 120_000 });
module.exports = { ...preset, testMatch: ['<rootDir>/*.test.ts'] };
