// A gateway in this process on a scripted meta-service and a scripted journal-server, and MQTT clients for it.

import { ServiceKind, createClient, ClusterService } from '@robustmq/rpc';
import { TraceSampler } from '@robustmq/telemetry';
import type { Log } from '@robustmq/runtime';
import { until } from '@robustmq/testkit';
import { generate, parser, type Packet } from 'mqtt-packet';
import { connect, type Socket } from 'node:net';
import { mqttGatewayConfig } from '../src/config.ts';
import { Gateway } from '../src/gateway.ts';
import { ScriptedJournal } from './scripted-journal.ts';
import { ScriptedMeta, type ScriptedMetaOptions } from './scripted-meta.ts';
import { credentialsOf } from './credentials.ts';

export { until };

/** A log that tests can look into. */
export class RecordingLog implements Log {
  readonly lines: string[] = [];
  readonly records: Record<string, unknown>[] = [];
  /** Whether lines per message are wanted. */
  readonly debugSwitch = { isOn: false };
  debug = (fields: Record<string, unknown>, message: string): void => this.#add('debug', fields, message);
  info = (fields: Record<string, unknown>, message: string): void => this.#add('info', fields, message);
  warn = (fields: Record<string, unknown>, message: string): void => this.#add('warn', fields, message);
  error = (fields: Record<string, unknown>, message: string): void => this.#add('error', fields, message);

  #add(level: string, fields: Record<string, unknown>, message: string): void {
    this.records.push({ level, ...fields, message });
    this.lines.push(
      `${level} ${message} ${Object.keys(fields).join(',')} ${fields['err'] instanceof Error ? fields['err'].message : ''}`,
    );
  }
}

/** Everything that a test of the whole gateway has. */
export interface Running {
  readonly gateway: Gateway;
  readonly meta: ScriptedMeta;
  readonly journal: ScriptedJournal;
  readonly log: RecordingLog;
  readonly port: number;
  readonly wsPort: number;
  /** A client of the gateway, which ends with it. */
  client(version: 3 | 4 | 5): RawClient;
  stop(): Promise<void>;
}

/** Registers the journal with meta, as the real one does. */
export async function addJournal(meta: ScriptedMeta, journal: ScriptedJournal): Promise<void> {
  const client = createClient(ClusterService, {
    address: meta.address,
    credentials: credentialsOf(ServiceKind.JOURNAL),
  });
  journal.leads = () => meta.shards();
  await client.registerNode({
    nodeId: 'journal-1',
    kind: ServiceKind.JOURNAL,
    directoryId: 'dir',
    endpoints: { grpc: journal.address },
  });
  client.close();
}

/** Starts another gateway of the same cluster. */
export async function startGateway(
  meta: ScriptedMeta,
  log: RecordingLog,
  flags: readonly string[] = [],
  sampler = new TraceSampler({ tracer: null, ratio: 0 }),
): Promise<Gateway> {
  const { values: config } = mqttGatewayConfig.load({
    argv: [
      ...(flags.some((flag) => flag.startsWith('--auth.anonymous')) ? [] : ['--auth.anonymous=true']),
      '--mqtt.port=0',
      '--ws.port=0',
      '--grpc.port=0',
      `--meta.addresses=${meta.address}`,
      ...(flags.some((flag) => flag.startsWith('--journal.filterTimeout'))
        ? []
        : ['--journal.filterTimeout=400']),
      ...(flags.some((flag) => flag.startsWith('--journal.appendTimeout'))
        ? []
        : ['--journal.appendTimeout=600']),
      ...flags,
    ],
    environment: {},
  });
  const credentials = credentialsOf(ServiceKind.MQTT_GATEWAY);
  const gateway = new Gateway({
    config,
    credentials,
    log,
    debug: log.debugSwitch,
    version: '0',
    opsAddress: '',
    sampler,
  });
  await gateway.start();
  await until(() => gateway.problem === null, 'gateway ready');
  return gateway;
}

/** Starts meta, journal and one gateway. */
export async function start(
  options: ScriptedMetaOptions & {
    readonly flags?: readonly string[];
    readonly sampler?: TraceSampler;
  } = {},
): Promise<Running> {
  const meta = await new ScriptedMeta(options).listen();
  const journal = await new ScriptedJournal().listen();
  await addJournal(meta, journal);
  const log = new RecordingLog();
  const gateway = await startGateway(meta, log, options.flags, options.sampler);
  const port = portOf(gateway.addresses.mqtt);
  const clients: RawClient[] = [];
  return {
    gateway,
    meta,
    journal,
    log,
    port,
    wsPort: portOf(gateway.addresses.ws ?? ':0'),
    client(version) {
      const made = new RawClient(port, version);
      clients.push(made);
      return made;
    },
    async stop() {
      for (const each of clients) each.close();
      await gateway.stop();
      await journal.close();
      await meta.close();
    },
  };
}

/** Port of host:port. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** A raw MQTT client: packets in and out as mqtt-packet knows them. */
export class RawClient {
  readonly received: Packet[] = [];
  isClosed = false;
  readonly socket: Socket;
  readonly #version: 3 | 4 | 5;

  constructor(port: number, version: 3 | 4 | 5 = 4) {
    this.#version = version;
    this.socket = connect(port, '127.0.0.1');
    const decoder = parser({ protocolVersion: version });
    decoder.on('packet', (packet: Packet) => this.received.push(packet));
    this.socket.on('data', (bytes) => void decoder.parse(bytes));
    this.socket.on('close', () => (this.isClosed = true));
    this.socket.on('error', () => undefined);
  }

  send(...packets: readonly Packet[]): void {
    // In one write, so that they arrive together.
    this.socket.write(
      Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: this.#version }))),
    );
  }

  connectPacket(clientId: string, fields: Record<string, unknown> = {}): Packet {
    return {
      cmd: 'connect',
      protocolId: this.#version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: this.#version,
      clientId,
      clean: true,
      keepalive: 0,
      ...fields,
    };
  }

  /** The first packet of a kind that was not taken yet. */
  async take<C extends Packet['cmd']>(cmd: C): Promise<Extract<Packet, { cmd: C }>> {
    let index = -1;
    await until(
      () => (index = this.received.findIndex((packet) => packet.cmd === cmd)) >= 0,
      `${cmd} arrives`,
    );
    return this.received.splice(index, 1)[0] as Extract<Packet, { cmd: C }>;
  }

  /** CONNECT and its answer. */
  async connect(
    clientId: string,
    fields: Record<string, unknown> = {},
  ): Promise<Extract<Packet, { cmd: 'connack' }>> {
    this.send(this.connectPacket(clientId, fields));
    return this.take('connack');
  }

  async subscribe(filter: string, qos: 0 | 1 | 2 = 1, fields: Record<string, unknown> = {}): Promise<number> {
    this.send({
      cmd: 'subscribe',
      messageId: 77,
      subscriptions: [{ topic: filter, qos, nl: false, rap: false, rh: 0, ...fields }],
      ...(fields['properties'] === undefined ? {} : { properties: fields['properties'] }),
    } as Packet);
    return (await this.take('suback')).granted[0] as number;
  }

  publish(
    topic: string,
    payload: string,
    qos: 0 | 1 | 2,
    messageId = 1,
    fields: Record<string, unknown> = {},
  ): void {
    this.send({
      cmd: 'publish',
      topic,
      payload,
      qos,
      messageId,
      dup: false,
      retain: false,
      ...fields,
    });
  }

  /** Payloads of the PUBLISH packets received so far. */
  payloads(): string[] {
    return this.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []));
  }

  close(): void {
    this.socket.destroy();
  }
}
