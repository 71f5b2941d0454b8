import { RawClient, start, until } from './running-gateway.ts';

test('while debug lines are wanted, a client’s session can be followed from CONNECT to its end', async () => {
  const running = await start({ flags: ['--limits.maxOutputBytes=64KiB'] });
  const { debugSwitch, records } = running.log;
  const lines = (): unknown[] =>
    records.filter(({ level, client_id: id }) => level === 'debug' && id === 'dev');
  const device = new RawClient(running.port, 5);
  try {
    await device.connect('quiet');
    await device.subscribe('t', 0);
    device.close();
    await until(() => records.some(({ message }) => message === 'connection ended'));
    // Nothing per message or subscription is even built while the switch is off.
    expect(records.map(({ message }) => message)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(connected|subscribed)$/)]),
    );
    debugSwitch.isOn = true;
    const watched = new RawClient(running.port, 5);
    await watched.connect('dev');
    await watched.subscribe('t', 1);
    watched.publish('t', 'once', 1, 7);
    watched.publish('t', 'now', 0);
    await until(() => watched.payloads().length === 2);
    watched.close();
    await until(() => lines().length >= 7);
    const about = { client_id: 'dev', tenant: 'default', level: 'debug' };
    expect(lines()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...about, message: 'connected', version: 5, session_present: false }),
        expect.objectContaining({ ...about, message: 'subscribed', filter: 't', reason_code: 1 }),
        expect.objectContaining({ ...about, message: 'publish received', topic: 't', qos: 1 }),
        expect.objectContaining({ ...about, message: 'publish received', topic: 't', qos: 0 }),
        expect.objectContaining({ ...about, message: 'delivery', topic: 't', outcome: 'sent 1' }),
        expect.objectContaining({ ...about, message: 'delivery', topic: 't', outcome: 'sent 0' }),
        expect.objectContaining({ ...about, message: 'connection ended' }),
      ]),
    );
  } finally {
    device.close();
    await running.stop();
  }
});
