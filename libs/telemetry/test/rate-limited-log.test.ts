import { ManualClock } from '@robustmq/runtime/testing';
import { RateLimitedLog, type RateLimitedLogOptions } from '../src/rate-limited-log.ts';

type Line = readonly [level: string, fields: object, message: string];

function open(options: Omit<RateLimitedLogOptions, 'clock'> = {}): {
  log: RateLimitedLog;
  lines: Line[];
  clock: ManualClock;
} {
  const lines: Line[] = [];
  const clock = new ManualClock();
  const sinkOf =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push([level, fields, message]);
  const sink = { debug: sinkOf('debug'), info: sinkOf('info'), warn: sinkOf('warn') };
  return { log: new RateLimitedLog(sink, { ...options, clock }), lines, clock };
}

describe('RateLimitedLog', () => {
  it('lets lines through as they are while there are few', () => {
    const { log, lines } = open();
    log.warn('login', { user: 'a' }, 'login refused');
    log.info('hello', { from: 'b' }, 'foreign connection');
    log.debug('fallback', {}, 'older version');
    expect(lines).toEqual([
      ['warn', { user: 'a' }, 'login refused'],
      ['info', { from: 'b' }, 'foreign connection'],
      ['debug', {}, 'older version'],
    ]);
    expect(log.suppressed).toBe(0);
  });

  it('N14: a stranger who repeats gets a few lines per window, and the next window says how many were kept back', () => {
    const { log, lines, clock } = open({ linesPerWindow: 3, windowMs: 1_000 });
    for (let count = 0; count < 160_000; count++) log.warn('login', { count }, 'login refused');
    expect(lines.map(([, fields]) => fields)).toEqual([{ count: 0 }, { count: 1 }, { count: 2 }]);
    expect(log.suppressed).toBe(159_997);
    clock.advance(999);
    log.warn('login', {}, 'login refused');
    expect(lines).toHaveLength(3);
    clock.advance(1);
    log.warn('login', { user: 'b' }, 'login refused');
    log.warn('login', { user: 'c' }, 'login refused');
    expect(lines.slice(3).map(([, fields]) => fields)).toEqual([
      { user: 'b', suppressed: 159_998 },
      { user: 'c' },
    ]);
  });

  it('N14: one kind does not silence another', () => {
    const { log, lines } = open({ linesPerWindow: 1 });
    for (const kind of ['login', 'login', 'version', 'login', 'version']) log.info(kind, {}, kind);
    expect(lines.map(([, , message]) => message)).toEqual(['login', 'version']);
  });

  it('I8: kinds that a stranger invents share one allowance once there are too many', () => {
    const { log, lines, clock } = open({ linesPerWindow: 1, maxKinds: 10, windowMs: 1_000 });
    for (let count = 0; count < 10_000; count++) log.info(`client-${count}`, {}, 'strange');
    expect(lines).toHaveLength(11);
    expect(log.suppressed).toBe(9_989);
    // Once the windows of the old ones are over there is room again.
    clock.advance(1_000);
    for (let count = 0; count < 10; count++) log.info(`later-${count}`, {}, 'strange');
    expect(lines).toHaveLength(21);
  });

  it('I8: a kind that is seen again is not forgotten while its window runs', () => {
    const { log, lines, clock } = open({ linesPerWindow: 1, maxKinds: 2, windowMs: 1_000 });
    log.info('a', {}, 'a');
    clock.advance(600);
    log.info('b', {}, 'b');
    clock.advance(500);
    log.info('c', {}, 'c'); // takes the place of `a`, whose window is over
    log.info('b', {}, 'b');
    expect(lines.map(([, , message]) => message)).toEqual(['a', 'b', 'c']);
  });

  it('I8: a kind that goes on for ever does not keep the places of those that ended', () => {
    const { log, lines, clock } = open({ linesPerWindow: 1, maxKinds: 2, windowMs: 1_000 });
    log.info('forever', {}, 'forever');
    log.info('once', {}, 'once');
    clock.advance(1_000);
    log.info('forever', {}, 'forever');
    log.info('next', {}, 'next'); // in the place of `once`
    log.info('next', {}, 'next');
    expect(lines.map(([, , message]) => message)).toEqual(['forever', 'once', 'forever', 'next']);
  });
});
