// Which stream owns a topic (O1, O2).

import type { StreamView } from '@robustmq/meta-client';
import { Ownership } from '../src/ownership.ts';

describe('Ownership (O1, O2)', () => {
  const stream = (streamId: number, name: string, mqttFilter: string): StreamView =>
    ({
      streamId,
      tenant: 't',
      name,
      mqttFilter,
      shardsAtCreation: 2,
      shards: [],
      config: {},
      ownershipEpoch: streamId,
    }) as never;

  test('the most specific owner, else the built-in stream, else nobody', () => {
    const ownership = new Ownership(100);
    const routes = ownership.routesOf('t');
    const owner = (topic: string): string | undefined => routes.get(topic).stream?.name;
    expect(owner('sensors/1/temp')).toBeUndefined();
    expect(ownership.put(stream(1, 'mqtt', ''))).toBe(true);
    expect(ownership.hasDefault('t')).toBe(true);
    expect(owner('sensors/1/temp')).toBe('mqtt');
    const before = routes.get('sensors/1/temp');
    ownership.put(stream(2, 'all', 'sensors/#'));
    ownership.put(stream(3, 'temps', 'sensors/+/temp'));
    expect(ownership.put(stream(3, 'temps', 'sensors/+/temp'))).toBe(false);
    expect(ownership.put(stream(4, 'plain', ''))).toBe(false);
    expect(before.isDetached).toBe(true);
    expect([owner('sensors/1/temp'), owner('sensors/1/x'), owner('y')]).toEqual(['temps', 'all', 'mqtt']);
    expect([ownership.epochOf(3), ownership.epochOf(9)]).toEqual([3, 0]);
    expect(ownership.streamOf(3)?.stream.mqttFilter).toBe('sensors/+/temp');
    ownership.delete(3);
    expect(owner('sensors/1/temp')).toBe('all');
    ownership.delete(1);
    expect(owner('y')).toBeUndefined();
    expect(ownership.delete(1)).toBe(false);
  });
});
