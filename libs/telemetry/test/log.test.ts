import { BrokerError } from '@robustmq/errors';
import { ManualClock } from '@robustmq/runtime';
import { createLog, type Log, type LogLevel } from '../src/index.ts';

function open(level?: LogLevel): { log: Log; lines: Record<string, unknown>[]; clock: ManualClock } {
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

  it('leaves out what is below the level', () => {
    const { log, lines } = open('warn');
    log.logger.info('no');
    log.logger.warn('yes');
    expect(lines.map((line) => line['msg'])).toEqual(['yes']);
  });
});

describe('log filter', () => {
  it.each<[string, Parameters<Log['debugFor']>[0], boolean]>([
    ['client', { client_id: 'c1' }, true],
    ['another client', { client_id: 'c2' }, false],
    ['exact topic', { client_id: 'c2', topic: 'orders' }, true],
    ['topic below a prefix', { topic: 'sensors/1/temp' }, true],
    ['topic that begins like an exact one', { topic: 'orders/1' }, false],
    ['tenant', { tenant: 'acme' }, true],
    ['nobody', {}, false],
  ])('shows debug lines for: %s', (_name, subject, isShown) => {
    const { log, lines } = open();
    expect(log.isDebugging).toBe(false);
    log.debugFor(subject, { packet: 'publish' }, 'received');
    expect(lines).toEqual([]);
    log.filter.set(rules, 1000);
    expect(log.isDebugging).toBe(true);
    log.debugFor(subject, { packet: 'publish' }, 'received');
    expect(lines).toHaveLength(isShown ? 1 : 0);
    if (isShown)
      expect(lines[0]).toMatchObject({ ...subject, level: 'debug', packet: 'publish', msg: 'received' });
  });

  it('ends by itself, and at once with empty rules', () => {
    const { log, lines, clock } = open();
    log.filter.set(rules, 1000);
    expect(log.filter.state).toEqual({ ...rules, expiresAtMs: clock.nowMs() + 1000 });
    clock.advance(1000);
    log.debugFor({ client_id: 'c1' }, {}, 'late');
    expect([lines, log.isDebugging]).toEqual([[], false]);
    log.filter.set(rules, 1000);
    log.filter.set({ clientIds: [], topics: [], tenants: [] }, 1000);
    expect(log.filter.state.expiresAtMs).toBeNull();
    log.filter.set(rules, 1000);
    clock.advance(1001);
    expect(log.filter.state).toEqual({ clientIds: [], topics: [], tenants: [], expiresAtMs: null });
  });

  it('is not needed when everything is logged', () => {
    const { log, lines } = open('debug');
    expect(log.isDebugging).toBe(true);
    log.debugFor({}, {}, 'all');
    expect(lines).toHaveLength(1);
  });
});
