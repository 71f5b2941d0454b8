// Takeover between gateways (rule S1, decision 3): however CONNECTs of one client id cross, one connection is left (I6).

import { create } from '@bufbuild/protobuf';
import { LastWords } from '@robustmq/mqtt-session';
import {
  TakeOverEntrySchema,
  TakeOverRequestSchema,
  TakeOverResponseSchema,
  type TakeOverRequest,
  type TakeOverResponse,
} from '@robustmq/rpc';
import { systemTimers } from '@robustmq/runtime';
import type { Gateway } from '../src/gateway.ts';
import { addGatewayService, type GatewayServiceHost } from '../src/mesh/mesh.ts';
import type { Client } from '../src/session/client.ts';
import { SessionDirectory, sessionName } from '../src/session/session-directory.ts';
import type { StoredPlaces } from '../src/store/session-rows.ts';
import { Takeovers, type OldSession, type Stopped, type TakeoverHost } from '../src/session/takeovers.ts';
import { DURABLE, DurableClients } from './durable-clients.ts';
import { RecordingLog, startGateway, until, type RawClient, type Running } from './running-gateway.ts';

describe('two gateways', () => {
  let running: Running;
  let other: Gateway;
  let devices: DurableClients;

  beforeEach(async () => {
    devices = await DurableClients.start();
    ({ running } = devices);
    other = await devices.secondInMesh();
  });

  afterEach(() => devices.stop());

  test('[MQTT-3.2.2-2]: a session that ended with its connection elsewhere is not present', async () => {
    const first = devices.client();
    await first.connect('dev');
    await first.subscribe('t', 1);
    const second = devices.client(other);
    expect((await second.connect('dev', DURABLE)).sessionPresent).toBe(false);
    expect((await first.take('disconnect')).reasonCode).toBe(0x8e);
    second.publish('t', 'x', 1, 1);
    await second.take('puback');
    expect(second.payloads()).toEqual([]);
  });

  test('a client that gives up while its session is taken over, and comes again, leaves nobody served beside it', async () => {
    const first = devices.client();
    await first.connect('dev', DURABLE);
    await first.subscribe('t', 1);
    const hasty = devices.client(other);
    hasty.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clientId: 'dev',
      keepalive: 0,
      ...DURABLE,
    });
    await until(() => running.meta.calls.filter((call) => call === 'open dev').length === 2);
    hasty.close();
    const second = devices.client(other);
    expect((await second.connect('dev', DURABLE)).sessionPresent).toBe(true);
    expect((await first.take('disconnect')).reasonCode).toBe(0x8e);
    second.publish('t', 'x', 1, 1);
    await until(() => second.payloads().length === 1);
    expect(running.gateway.serving!.directory.size).toBe(0);
  });

  test.each([1, 2, 3])('CONNECTs of one client id at once on both: one stays (round %d)', async () => {
    const gateways = [running.gateway, other];
    const crowd = Array.from({ length: 6 }, (_, index) => devices.client(gateways[index % 2]));
    const answers = crowd.map((each) => each.connect('dev', DURABLE).catch(() => undefined));
    const isServed = (each: RawClient): boolean => !each.isClosed;
    await until(
      () => crowd.filter(isServed).length === 1 && other.serving!.store.pending === 0,
      'one connection is left',
    );
    const winner = crowd.find(isServed)!;
    expect((await answers[crowd.indexOf(winner)])?.reasonCode).toBe(0);
    await winner.subscribe('mine', 1);
    winner.publish('mine', 'x', 1, 5);
    await until(() => winner.payloads().length === 1);
    const sizes = gateways.map((gateway) => gateway.serving!.directory.size);
    expect(sizes.sort()).toEqual([0, 1]);
  });

  test.each([1, 2, 3])(
    'S3: CONNECTs that cross on three gateways: what was in flight comes again as it was (round %d)',
    async () => {
      const third = await startGateway(running.meta, new RecordingLog(), ['--node.id=mqtt-3']);
      try {
        await until(() => third.serving!.mesh.routes.peerCount === 2, 'mesh of three');
        const first = devices.client();
        await first.connect('dev', DURABLE);
        await first.subscribe('t', 1);
        first.publish('t', 'x', 1, 1);
        const sent = await first.take('publish');
        const crowd = [other, third, running.gateway, other, third].map((gateway) => devices.client(gateway));
        for (const each of crowd) each.send(each.connectPacket('dev', DURABLE));
        const isServed = (each: RawClient): boolean => each.received.some(({ cmd }) => cmd === 'publish');
        await until(
          () =>
            crowd.some((each) => !each.isClosed && isServed(each)) &&
            crowd.filter((each) => !each.isClosed).length === 1,
          'one connection is left',
        );
        const again = crowd.flatMap((each) => each.received).filter(({ cmd }) => cmd === 'publish');
        for (const packet of again) expect(packet).toMatchObject({ messageId: sent.messageId, dup: true });
      } finally {
        await third.stop();
      }
    },
  );

  test('S3: what was acknowledged of a stream that is deleted does not come again from a gateway that has not heard of it', async () => {
    const orders = running.meta.addStream({ name: 'orders', mqttFilter: 'orders/#' });
    const gateways = [running.gateway, other];
    await until(() => gateways.every(({ meta }) => meta.view.ownershipEpoch === 2), 'the new owner');
    const first = devices.client();
    await first.connect('dev', DURABLE);
    await first.subscribe('#', 1);
    first.publish('orders/1', 'acknowledged', 1, 1);
    const { messageId } = await first.take('publish');
    first.send({ cmd: 'puback', messageId: messageId!, reasonCode: 0 });
    const inFlight = (gateway: Gateway): number | undefined =>
      gateway.serving!.directory.get('default', 'dev')?.session?.outbound.window.size;
    await until(() => inFlight(running.gateway) === 0, 'the acknowledgement');
    running.gateway.serving!.forgetStream(running.gateway.meta.view.streams.get(orders.streamId)!);
    const second = devices.client(other);
    expect((await second.connect('dev', DURABLE)).sessionPresent).toBe(true);
    const { outbound } = other.serving!.directory.get('default', 'dev')!.session!;
    await until(() => !outbound.isResuming && outbound.lags === null, 'it has read all');
    second.publish('t', 'new', 1, 1);
    await until(() => second.payloads().includes('new'), 'what comes now');
    expect(second.payloads()).toEqual(['new']);
  });

  test('I6: who is fenced by a younger owner without having been asked stops with 0x8E', async () => {
    const device = devices.client();
    await device.connect('dev', DURABLE);
    await device.subscribe('t', 1);
    running.meta.sessions.get('dev')!.key.epoch++;
    device.publish('t', 'x', 1, 1);
    const message = await device.take('publish');
    device.send({ cmd: 'puback', messageId: message.messageId!, reasonCode: 0 });
    expect((await device.take('disconnect')).reasonCode).toBe(0x8e);
  });
});

describe('GatewayService.TakeOver', () => {
  const rows = (count: number): StoredPlaces => ({
    cursors: [],
    outbound: Array.from({ length: count }, (_, offset) => ({
      streamId: 1,
      shard: 0,
      leaderEpoch: 1,
      offset,
      packetId: offset + 1,
      qos: 1,
      state: 'sent',
      departures: 0,
    })),
    doubtful: false,
  });

  test('N8, N13: an answer is bounded in rows; who is left out has not stopped and is asked for again', () => {
    let takeOver = (_request: TakeOverRequest): TakeOverResponse => create(TakeOverResponseSchema);
    const server = {
      add: (_service: unknown, handlers: { takeOver: typeof takeOver }) => ({ takeOver } = handlers),
    };
    const asked: string[] = [];
    addGatewayService(
      server as never,
      {
        stopSession: ({ clientId }: OldSession): Stopped => {
          asked.push(clientId);
          return { hasStopped: true, places: rows(65_535) };
        },
      } as unknown as GatewayServiceHost,
    );
    const sessions = ['a', 'b', 'c'].map((clientId) => create(TakeOverEntrySchema, { clientId, epoch: 5n }));
    const answer = create(TakeOverResponseSchema, takeOver(create(TakeOverRequestSchema, { sessions })));
    expect(answer.stopped).toEqual([true, false, false]);
    expect(asked).toEqual(['a']);
  });
});

describe('Takeovers', () => {
  const session: OldSession = { tenant: 't', clientId: 'c', epoch: 5n };
  const name = sessionName(session);
  const owner = { nodeId: 'owner', incarnation: 1n };
  const successor = { epoch: 6n, isPresent: true };
  const places: StoredPlaces = {
    cursors: [{ streamId: 1, shard: 0, leaderEpoch: 1, offset: 7, sentBelow: 9 }],
    outbound: [],
    doubtful: false,
  };
  const notYet: Stopped = { hasStopped: false, places: undefined };
  const nothingKnown: Stopped = { hasStopped: true, places: undefined };
  const stopped: Stopped = { hasStopped: true, places };

  const make = (overrides: Partial<TakeoverHost> = {}) => {
    const lastWords = new LastWords<StoredPlaces>(
      () => 0,
      () => 1,
    );
    const host: TakeoverHost = {
      timers: systemTimers,
      directory: new SessionDirectory(),
      lastWords,
      mayServe: () => true,
      others: () => [],
      ask: () => Promise.resolve(stopped),
      isClosed: () => false,
      counted: () => undefined,
      ...overrides,
    };
    return { host, lastWords, takeovers: new Takeovers(host) };
  };

  const connection = (fields: object): { reasons: number[]; connection: Client } => {
    const reasons: number[] = [];
    const machine = { disconnect: (reason: number) => reasons.push(reason) };
    const guard = (action: () => void): void => action();
    return { reasons, connection: { machine, guard, session: null, openedEpoch: null, ...fields } as never };
  };

  test('asks until the owner has stopped, or its lease has ended', async () => {
    const answers: (Stopped | null)[] = [null, notYet, stopped];
    const patient = make({ ask: () => Promise.resolve(answers.shift()!) });
    expect(await patient.takeovers.take(owner, session, successor)).toBe(places);
    expect(answers).toEqual([]);
    let lives = 2;
    const dead = make({ ask: () => Promise.resolve(null), mayServe: () => lives-- > 0 });
    expect(await dead.takeovers.take(owner, session, successor)).toBeUndefined();
    const closed = make({ ask: () => Promise.resolve(null), isClosed: () => true });
    await expect(closed.takeovers.take(owner, session, successor)).rejects.toThrow(/serves no more/);
  });

  test.each([
    ['serves it', { session: { identity: { epoch: 5n } } }, true, true],
    ['serves a younger epoch', { session: { identity: { epoch: 6n } } }, true, false],
    ['has a CONNECT that waits its turn', { openedEpoch: null }, true, false],
    ['decides an older CONNECT', { openedEpoch: 5n }, true, true],
    ['decides a younger CONNECT', { openedEpoch: 6n }, true, false],
  ])('a gateway that %s', (_name, fields, hasStopped, isEnded) => {
    const { host, takeovers } = make();
    const known = connection(fields);
    host.directory.replace('t', 'c', known.connection);
    expect(takeovers.stop(session)).toMatchObject({ hasStopped });
    expect(known.reasons).toEqual(isEnded ? [0x8e] : []);
  });

  test('a gateway that has asked meta for an epoch has not stopped until it has the answer', () => {
    const { takeovers, lastWords } = make();
    lastWords.opens(name);
    expect(takeovers.stop(session)).toEqual(notYet);
    lastWords.opened(name);
    expect(takeovers.stop(session)).toEqual(nothingKnown);
  });

  test('a session that is just being taken from another gateway has not stopped; who asks for an older one waits not', async () => {
    let answer = (_stopped: Stopped): void => undefined;
    const { takeovers } = make({ ask: () => new Promise((resolve) => (answer = resolve)) });
    const asked = { ...session, epoch: successor.epoch };
    const taken = takeovers.take(owner, session, successor);
    expect(takeovers.stop(asked)).toEqual(notYet);
    // They would wait in a circle.
    expect(takeovers.stop({ ...session, epoch: 1n })).toEqual(nothingKnown);
    answer(stopped);
    await taken;
    expect(takeovers.stop(asked).hasStopped).toBe(true);
  });

  test('S3: what the first of a chain knew goes along through one that never served, also if an answer is lost', async () => {
    const { takeovers } = make();
    await takeovers.take(owner, session, successor);
    const asked = { ...session, epoch: 6n };
    expect(takeovers.stop(asked)).toEqual(stopped);
    expect(takeovers.stop(asked)).toEqual(stopped);
  });

  test('S3: what was known of a session says nothing of one that began anew', async () => {
    const { takeovers } = make();
    await takeovers.take(owner, session, { epoch: 6n, isPresent: false });
    expect(takeovers.stop({ ...session, epoch: 6n })).toEqual(nothingKnown);
  });

  test('I6: after an owner that ended without a word all gateways are asked: one before it may serve still', async () => {
    const asked: string[] = [];
    const { takeovers } = make({
      others: () => [
        { nodeId: 'a', incarnation: 1n },
        { nodeId: 'b', incarnation: 1n },
      ],
      ask: ({ nodeId }, { epoch }) => {
        asked.push(`${nodeId} ${epoch}`);
        return Promise.resolve(nodeId === 'b' ? stopped : nothingKnown);
      },
    });
    expect(await takeovers.take(undefined, session, { epoch: 8n, isPresent: true })).toBe(places);
    expect(asked).toEqual(['a 7', 'b 7']);
  });
});
