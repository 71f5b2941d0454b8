const preset = require('../../jest.preset.cjs')(__dirname, { coverageLines: 80 });

// The cluster of real processes is exercised by the end-to-end suites, where it runs real apps.
module.exports = { ...preset, collectCoverageFrom: [...preset.collectCoverageFrom, '!src/cluster/**'] };
