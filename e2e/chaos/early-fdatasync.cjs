// Planted bug, loaded before the journal: fdatasync claims to be done before it is.
const fs = require('node:fs');
const { setImmediate, setTimeout } = require('node:timers');

const LATE_MS = 100;
const { fdatasync } = fs;

const syncLate = (descriptor) => {
  setTimeout(() => {
    // The file may be closed by then: that is the bug's own affair.
    fdatasync(descriptor, () => undefined);
  }, LATE_MS);
};

fs.fdatasync = (descriptor, callback) => {
  syncLate(descriptor);
  setImmediate(callback, null);
};
fs.fdatasyncSync = syncLate;
