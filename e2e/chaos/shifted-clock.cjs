// A wall clock that jumps, loaded before a service: it is ahead by the milliseconds in the file that CLOCK_SHIFT_FILE names. That a
// shift is in force is told by a file of its value, `<file>.<pid>`. Clocks that only go on are left alone, as in a real jump.
const fs = require('node:fs');
const process = require('node:process');
const { setInterval } = require('node:timers');

const LOOK_MS = 20;
const control = process.env['CLOCK_SHIFT_FILE'] ?? '';
const RealDate = Date;
let shiftMs = 0;

const now = () => RealDate.now() + shiftMs;

globalThis.Date = new Proxy(RealDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});

setInterval(() => {
  if (!fs.existsSync(control)) return;
  const wanted = Number(fs.readFileSync(control, 'utf8'));
  if (wanted === shiftMs) return;
  shiftMs = wanted;
  fs.writeFileSync(`${control}.${process.pid}`, String(wanted));
}, LOOK_MS).unref();
