const preset = require('../jest.preset.cjs')(__dirname);
module.exports = { ...preset, testMatch: ['<rootDir>/**/*.test.ts'] };
