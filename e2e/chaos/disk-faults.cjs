// Planted faults of a disk, loaded before a service. While the file named by DISK_FAULT_FILE holds the code of an error and a part of
// a path, `EIO /log/`, writes and syncs of files below such a path fail with it. What RocksDB does is left alone.
const fs = require('node:fs');
const process = require('node:process');

const control = process.env['DISK_FAULT_FILE'] ?? '';
const { fdatasync, fdatasyncSync, write, writeSync } = fs;

/** The error that this file has now, or null. */
const faultOf = (descriptor) => {
  if (!fs.existsSync(control)) return null;
  const [code = '', part = ''] = fs.readFileSync(control, 'utf8').split(' ');
  if (code === '' || !fs.readlinkSync(`/proc/self/fd/${descriptor}`).includes(part)) return null;
  return Object.assign(new Error(`${code}: planted`), { code });
};

/** `call` fails with what the file's disk has, through its callback. */
const failing =
  (call) =>
  (descriptor, ...rest) => {
    const error = faultOf(descriptor);
    if (error === null) call(descriptor, ...rest);
    else process.nextTick(rest.at(-1), error);
  };

/** As {@link failing}, by a throw. */
const throwing =
  (call) =>
  (descriptor, ...rest) => {
    const error = faultOf(descriptor);
    if (error !== null) throw error;
    return call(descriptor, ...rest);
  };

fs.fdatasync = failing(fdatasync);
fs.write = failing(write);
fs.fdatasyncSync = throwing(fdatasyncSync);
fs.writeSync = throwing(writeSync);
