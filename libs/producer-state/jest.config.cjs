module.exports = require('../../jest.preset.cjs')(__dirname, { coverageLines: 80 });
