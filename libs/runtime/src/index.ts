// What a process needs to run: clocks, timers, deadlines, retries, listening and an orderly end.

export { systemClock, type Clock } from './clock.ts';
export { silentLog, type Log } from './log.ts';
export { nextTurn, systemTimers, type Cancel, type Timers } from './timers.ts';
export { TurnBudget } from './turn-budget.ts';
export { TurnShare } from './turn-share.ts';
export { eachInTurns, type Turns } from './each-in-turns.ts';
export { TimerWheel, WheelTimer } from './timer-wheel.ts';
export { DiskWatermark } from './disk-watermark.ts';
export { sleep } from './deadline.ts';
export { backoffDelayMs, retry } from './retry.ts';
export { makeDirectory } from './make-directory.ts';
export { explainListenError, listenTcp } from './listen.ts';
export { Shutdown } from './shutdown.ts';
export { describeFatal, runMain } from './run-main.ts';
