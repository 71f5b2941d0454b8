import { BrokerError } from '@robustmq/errors';
import { ManualClock } from '@robustmq/runtime/testing';
import type { LogSubject } from '../src/log-filter.ts';
import { createLog, type LogLevel, type ProcessLog } from '../src/log.ts';
import { logWarnings } from '../src/log.ts';

function open(level?: LogLevel): { log: ProcessLog; lines: Record<string, unknown>[]; clock: ManualClock } {
  const lines: Record<string, unknown>[] = [];
  const clock = new ManualClock(Date.UTC(2026, 10, 24, 3, 4, 5, 6));
  const destination = {
    write: (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  const log = createLog({
    service: 'mqtt-gateway',
    nodeId: 'g1',
    clock,
    destination,
    ...(level ? { level } : {}),
  });
  return { log, lines, clock };
}

const rules = { clientIds: ['c1'], topics: ['orders', 'sensors/#'], tenants: ['acme'] };

describe('log schema', () => {
  it('has the same names in every line, and nothing else', () => {
    const { log, lines } = open();
    log.logger.info({ client_id: 'c7' }, 'connected');
    expect(lines).toEqual([
      {
        level: 'info',
        ts: '2026-11-24T03:04:05.006Z',
        service: 'mqtt-gateway',
        node_id: 'g1',
        client_id: 'c7',
        msg: 'connected',
      },
    ]);
  });

  it('keeps code, details and cause of an error', () => {
    const { log, lines } = open();
    const err = new BrokerError('storage_full', 'disk', {
      cause: new RangeError('low'),
      details: { freeBytes: 7 },
    });
    log.logger.error({ err }, 'append failed');
    expect(lines[0]!['err']).toMatchObject({
      type: 'BrokerError',
      code: 'storage_full',
      details: { freeBytes: 7 },
    });
    expect(JSON.stringify(lines[0]!['err'])).toContain('low');
  });

  it('calls an error by its name, whatever a bundler has made of its class', () => {
    const { log, lines } = open();
    const Renamed = class _BrokerError extends BrokerError {};
    log.logger.error({ err: new Renamed('conflict', 'taken') }, 'failed');
    log.logger.error({ err: 'a text' }, 'failed');
    expect(lines.map(({ err }) => (typeof err === 'string' ? err : (err as { type: string }).type))).toEqual([
      'BrokerError',
      'a text',
    ]);
  });

  it('leaves out what is below the level', () => {
    const { log, lines } = open('warn');
    log.logger.info('no');
    log.logger.warn('yes');
    expect(lines.map((line) => line['msg'])).toEqual(['yes']);
  });
});

describe('log filter', () => {
  it.each<[string, LogSubject, boolean]>([
    ['client', { client_id: 'c1' }, true],
    ['another client', { client_id: 'c2' }, false],
    ['exact topic', { client_id: 'c2', topic: 'orders' }, true],
    ['topic below a prefix', { topic: 'sensors/1/temp' }, true],
    ['topic that begins like an exact one', { topic: 'orders/1' }, false],
    ['tenant', { tenant: 'acme' }, true],
    ['nobody', {}, false],
  ])('shows debug lines for: %s', (_name, subject, isShown) => {
    const { log, lines } = open();
    expect(log.debug.isOn).toBe(false);
    log.logger.debug({ ...subject, packet: 'publish' }, 'received');
    expect(lines).toEqual([]);
    log.filter.set(rules, 1000);
    expect(log.debug.isOn).toBe(true);
    log.logger.debug({ ...subject, packet: 'publish' }, 'received');
    log.logger.child({ part: 'child' }).debug(subject, 'received');
    expect(lines).toHaveLength(isShown ? 2 : 0);
    if (isShown)
      expect(lines[0]).toMatchObject({ ...subject, level: 'debug', packet: 'publish', msg: 'received' });
  });

  it('leaves the lines of the level alone, and a text without fields is about nobody', () => {
    const { log, lines } = open('warn');
    log.filter.set(rules, 1000);
    log.logger.debug('about nobody');
    log.logger.info({ client_id: 'c2' }, 'below the level');
    log.logger.info({ client_id: 'c1' }, 'below the level, chosen');
    log.logger.warn({ client_id: 'c2' }, 'of the level');
    expect(lines.map((line) => line['msg'])).toEqual(['below the level, chosen', 'of the level']);
  });

  it('ends by itself, and at once with empty rules', () => {
    const { log, lines, clock } = open();
    log.filter.set(rules, 1000);
    expect(log.filter.state).toEqual({ ...rules, expiresAtMs: clock.nowMs() + 1000 });
    clock.advance(1000);
    log.logger.debug({ client_id: 'c1' }, 'late');
    expect([lines, log.debug.isOn, log.logger.level]).toEqual([[], false, 'info']);
    log.filter.set(rules, 1000);
    log.filter.set({ clientIds: [], topics: [], tenants: [] }, 1000);
    expect(log.filter.state.expiresAtMs).toBeNull();
    log.filter.set(rules, 1000);
    clock.advance(1001);
    expect(log.filter.state).toEqual({ clientIds: [], topics: [], tenants: [], expiresAtMs: null });
    expect(log.debug.isOn).toBe(false);
  });

  it('is not needed when everything is logged, and takes nothing away then', () => {
    const { log, lines } = open('debug');
    log.filter.set(rules, 1000);
    log.logger.debug({}, 'all');
    log.filter.set({ clientIds: [], topics: [], tenants: [] }, 1000);
    log.logger.debug({}, 'all');
    expect([log.debug.isOn, lines.length]).toEqual([true, 2]);
  });
});

test('warnings of the runtime are lines of the log', () => {
  const { log, lines } = open();
  const before = process.listeners('warning');
  const restore = logWarnings(log.logger);
  const warning = Object.assign(new Error('this will go away'), {
    name: 'DeprecationWarning',
    code: 'DEP0000',
  });
  // Not emitWarning: jest's `process` is a copy, and Node warns at its own.
  process.emit('warning', warning);
  restore();
  expect(lines).toEqual([
    expect.objectContaining({
      level: 'warn',
      msg: 'warning of the runtime',
      err: expect.objectContaining({
        type: 'DeprecationWarning',
        code: 'DEP0000',
        message: 'this will go away',
      }),
    }),
  ]);
  expect(process.listeners('warning')).toEqual(before);
});
