// What a process needs to run: clocks, timers, deadlines, retries, listening and an orderly end.

export { ManualClock, systemClock, type Clock } from './clock.ts';
export { silentLog, type Log } from './log.ts';
export { nextTurn, systemTimers, type Cancel, type Timers } from './timers.ts';
export { TURN_BUDGET_MS, TurnBudget } from './turn-budget.ts';
export { TimerWheel, WheelTimer, type TimerWheelOptions } from './timer-wheel.ts';
export { Deadline, sleep, withDeadline } from './deadline.ts';
export { backoffDelayMs, retry, type BackoffOptions, type RetryOptions } from './retry.ts';
export { explainListenError, listenTcp } from './listen.ts';
export { Shutdown, type ProcessHandle, type ShutdownLog, type ShutdownOptions } from './shutdown.ts';
export { EXIT_CODES, describeFatal, runMain } from './run-main.ts';
