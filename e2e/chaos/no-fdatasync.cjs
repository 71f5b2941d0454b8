// Planted bug, loaded before the journal: fdatasync claims to be done and does nothing.
const fs = require('node:fs');
const { setImmediate } = require('node:timers');

fs.fdatasync = (_descriptor, callback) => {
  setImmediate(callback, null);
};
fs.fdatasyncSync = () => undefined;
