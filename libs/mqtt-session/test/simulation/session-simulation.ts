// A seed makes one story: publishes, subscriptions, connections that end in every way, gateways that crash, tails that lag
// and jump, leaders that answer late. What must hold is checked at each delivery and at the end.

import { invariant, Random } from '@robustmq/testkit';
import {
  matches,
  ScriptedLog,
  SessionRows,
  SimulatedGateway,
  type SimulatedTail,
  type LogRecord,
  type Places,
} from './cluster.ts';
import { ServedSession, type Delivered, type Faults } from './served-session.ts';

const STEPS = 160;
const SHARDS = 2;
const TOPICS = ['t0', 't1', 't2', 't3'];
const FILTERS = [...TOPICS, '#'];

interface Pending {
  readonly filter: string;
  readonly qos: 0 | 1;
}

/** What the client knows and what it may expect. */
class Client {
  /** QoS 1 records that were published while a granted subscription matched them. */
  readonly expected = new Set<LogRecord>();
  readonly received = new Set<LogRecord>();
  readonly receivedQos0 = new Set<LogRecord>();
  /** Acknowledged, and the owner's word of it is in meta or with the next owner: these never come again (N6). */
  readonly settled = new Set<LogRecord>();
  readonly acknowledged = new Set<LogRecord>();
  /** Acknowledged on any connection: what was only received may be lost with the client. */
  readonly confirmed = new Set<LogRecord>();
  /** In flight at a graceful end: owed under the same identifier, whatever happens to subscriptions. */
  readonly owed = new Map<LogRecord, number>();
  /** Not acknowledged on this connection, by identifier. */
  readonly inFlight = new Map<number, LogRecord>();
  readonly granted = new Map<string, 0 | 1>();
  readonly highest = new Map<number, number>();
}

/** One run. */
export class SessionSimulation {
  readonly #random: Random;
  readonly #faults: Faults;
  readonly #log = new ScriptedLog(SHARDS);
  readonly #rows = new SessionRows();
  readonly #gateways: SimulatedGateway[];
  readonly #client = new Client();
  readonly #receiveMaximum: number;
  readonly #asked: Pending[] = [];
  #session: ServedSession | null = null;
  readonly #subscribedAt = new Map<string, number>();
  readonly #grantedAt = new Map<string, number>();
  #step = 0;

  constructor(seed: number, faults: Faults = {}) {
    this.#random = new Random(seed);
    this.#faults = faults;
    this.#receiveMaximum = this.#random.pick([1, 2, 3, 8]);
    this.#gateways = ['a', 'b'].map((name) => new SimulatedGateway(name, this.#log));
  }

  /** @throws InvariantViolation */
  run(): void {
    for (this.#step = 1; this.#step <= STEPS; this.#step++) this.#act();
    this.#settle();
    const { expected, confirmed, owed } = this.#client;
    for (const record of expected)
      invariant(confirmed.has(record), `I4: ${name(record)} was sent after SUBACK and never settled`);
    invariant(owed.size === 0, `[MQTT-4.4.0-1]: ${owed.size} messages in flight never came again`);
  }

  #act(): void {
    const random = this.#random;
    const roll = random.below(100);
    if (roll < 22) this.#publish();
    else if (roll < 42) this.#moveTail();
    else if (roll < 56) this.#session?.readOn(random.between(1, 5));
    else if (roll < 70) this.#acknowledge();
    else if (roll < 78) this.#answer();
    else if (roll < 82) this.#commitCursors();
    else if (roll < 87) this.#subscribeOrNot();
    else if (roll < 93) this.#connect(random.pick(this.#gateways));
    else if (roll < 96) this.#leave();
    else if (roll < 98) this.#jump();
    else this.#crash(random.below(2));
  }

  // --- the log and the tails ---

  #publish(): void {
    const record = this.#log.publish(this.#random.pick(TOPICS), this.#step);
    const { granted, expected } = this.#client;
    for (const [filter, qos] of granted) if (qos === 1 && matches(filter, record.topic)) expected.add(record);
  }

  #moveTail(all = false): void {
    for (const gateway of all ? this.#gateways : [this.#random.pick(this.#gateways)]) {
      for (const tail of gateway.tails.values()) {
        const end = this.#log.highWatermark(tail.key);
        const to = all ? end : Math.min(end, tail.nextOffset + this.#random.below(4));
        this.#bring(gateway, tail, to);
      }
    }
  }

  #bring(gateway: SimulatedGateway, tail: SimulatedTail, to: number): void {
    for (let offset = tail.nextOffset; offset < to; offset++) {
      const record = this.#log.shards[tail.key]![offset]!;
      if (gateway.brings(record)) {
        tail.ring.add(offset);
        if (this.#session?.gateway === gateway) this.#session.fromTail(tail, record);
      }
      tail.nextOffset = offset + 1;
    }
    // The ring is bounded: the oldest leave.
    const keep = this.#random.between(1, 12);
    tail.ringStart = Math.max(tail.ringStart, tail.nextOffset - keep);
  }

  #jump(): void {
    const gateway = this.#random.pick(this.#gateways);
    const tail = [...gateway.tails.values()][0];
    const to = tail === undefined ? 0 : this.#log.highWatermark(tail.key);
    if (tail === undefined || to === tail.nextOffset) return;
    const from = tail.nextOffset;
    if (this.#session?.gateway === gateway) this.#session.tailJumped(tail, from, to);
    tail.ring.clear();
    tail.nextOffset = tail.ringStart = to;
  }

  #answer(all = false): void {
    for (const gateway of this.#gateways) {
      for (const { filter, shard } of gateway.unanswered()) {
        if (all || this.#random.chance(0.5)) gateway.answer(filter, shard);
      }
    }
    this.#session?.beginAnswered();
    this.#grant();
  }

  // --- the client ---

  #acknowledge(all = false): void {
    const { inFlight, acknowledged, confirmed, owed } = this.#client;
    for (const [packetId, record] of inFlight) {
      if (!all && this.#random.chance(0.5)) continue;
      inFlight.delete(packetId);
      acknowledged.add(record);
      confirmed.add(record);
      owed.delete(record);
      this.#session!.acknowledge(packetId);
    }
  }

  #subscribeOrNot(): void {
    const session = this.#session;
    if (session === null) return;
    const filter = this.#random.pick(FILTERS);
    if (session.subscriptions.has(filter)) {
      if (this.#random.chance(0.6)) return;
      session.unsubscribe(filter);
      this.#rows.filters.delete(filter);
      this.#client.granted.delete(filter);
      this.#forget(filter);
      return;
    }
    const qos = this.#random.chance(0.8) ? 1 : 0;
    session.subscribe(filter, qos);
    this.#subscribedAt.set(filter, this.#step);
    this.#asked.push({ filter, qos });
    this.#grant();
  }

  #forget(filter: string): void {
    const index = this.#asked.findIndex((pending) => pending.filter === filter);
    if (index >= 0) this.#asked.splice(index, 1);
    this.#subscribedAt.delete(filter);
    // What it alone would have brought is nobody's any more.
    const { expected, confirmed, granted } = this.#client;
    for (const record of expected) {
      if (confirmed.has(record)) continue;
      const isWanted = [...granted].some(([other, qos]) => {
        const since = this.#grantedAt.get(other) ?? 0;
        return qos === 1 && matches(other, record.topic) && since < record.atStep;
      });
      if (!isWanted) expected.delete(record);
    }
  }

  /** SUBACK of what is ready; its row is in meta before. */
  #grant(): void {
    const session = this.#session;
    if (session === null) return;
    for (const { filter, qos } of [...this.#asked]) {
      if (!session.isReady(filter)) continue;
      this.#asked.splice(
        this.#asked.findIndex((pending) => pending.filter === filter),
        1,
      );
      this.#rows.filters.set(filter, { starts: session.grant(filter), qos });
      this.#client.granted.set(filter, qos);
      this.#grantedAt.set(filter, this.#step);
    }
  }

  #received({ record, qos, packetId, dup }: Delivered): void {
    const { received, receivedQos0, settled, owed, inFlight, highest } = this.#client;
    const isOwed = owed.has(record);
    invariant(
      isOwed || this.#isWanted(record),
      `X3: ${name(record)} lies before every SUBSCRIBE that matches`,
    );
    if (qos === 0) {
      invariant(!receivedQos0.has(record), `4.3.1: ${name(record)} came twice at QoS 0`);
      receivedQos0.add(record);
      return;
    }
    invariant(!settled.has(record), `N6: ${name(record)} came again after it was settled`);
    invariant(!inFlight.has(packetId), `[MQTT-2.2.1-4]: identifier ${packetId} is in flight`);
    invariant(inFlight.size < this.#receiveMaximum, '[MQTT-3.3.4-9]: more in flight than Receive Maximum');
    for (const [other, id] of owed)
      invariant(other === record || id !== packetId, `identifier ${packetId} is owed to ${name(other)}`);
    if (isOwed)
      invariant(owed.get(record) === packetId, `[MQTT-4.4.0-1]: ${name(record)} has another identifier`);
    if (received.has(record)) invariant(dup, `[MQTT-3.3.1-1]: ${name(record)} came again without DUP`);
    else {
      invariant(record.offset > (highest.get(record.shard) ?? -1), `I3: ${name(record)} is out of order`);
      highest.set(record.shard, record.offset);
    }
    received.add(record);
    inFlight.set(packetId, record);
  }

  #isWanted(record: LogRecord): boolean {
    for (const [filter, since] of this.#subscribedAt)
      if (since <= record.atStep && matches(filter, record.topic)) return true;
    return false;
  }

  // --- connections ---

  #connect(gateway: SimulatedGateway): void {
    if (this.#session !== null) {
      // Taken over: the old owner is stopped and says what only it knew (S1, S3).
      const places = this.#endGracefully();
      if (!this.#faults.dropHandover) this.#rows.take(places);
    }
    this.#rows.epoch++;
    this.#rows.owner = gateway;
    const deliver = (delivered: Delivered): void => this.#received(delivered);
    this.#session = new ServedSession(
      gateway,
      this.#log,
      this.#rows,
      this.#receiveMaximum,
      this.#faults,
      deliver,
    );
  }

  #leave(): void {
    if (this.#session === null) return;
    this.#rows.take(this.#endGracefully());
    this.#rows.owner = null;
  }

  #endGracefully(): Places {
    const session = this.#session!;
    const places = session.places();
    const { inFlight, owed, acknowledged, settled } = this.#client;
    for (const [packetId, record] of inFlight) owed.set(record, packetId);
    for (const record of acknowledged) settled.add(record);
    this.#lost(session);
    return places;
  }

  #lost(session: ServedSession): void {
    session.close();
    this.#session = null;
    this.#client.inFlight.clear();
    this.#client.acknowledged.clear();
    // Without SUBACK the client knows that it has to ask again.
    for (const { filter } of this.#asked.splice(0)) {
      this.#subscribedAt.delete(filter);
      this.#client.granted.delete(filter);
    }
  }

  #commitCursors(): void {
    const session = this.#session;
    if (session === null) return;
    for (const [shard, cursor] of session.movedCursors()) {
      this.#rows.cursors.set(shard, cursor);
      for (const record of this.#client.acknowledged) {
        if (record.shard !== shard || record.offset >= cursor.offset) continue;
        this.#client.settled.add(record);
      }
    }
  }

  #crash(index: number): void {
    const crashed = this.#gateways[index]!;
    this.#gateways[index] = new SimulatedGateway(crashed.name, this.#log);
    const session = this.#session;
    if (session?.gateway !== crashed) return;
    this.#lost(session);
    this.#client.owed.clear();
    this.#rows.ownerEnded();
    // Its successor knows the cursors only: behind them what was settled may come again, with DUP (rule S3).
    for (const record of this.#client.settled) {
      if (record.offset >= (this.#rows.cursors.get(record.shard)?.offset ?? 0))
        this.#client.settled.delete(record);
    }
  }

  /** Nothing new happens any more: all that is owed arrives. */
  #settle(): void {
    if (this.#session === null) this.#connect(this.#gateways[0]!);
    for (let round = 0; round < 400; round++) {
      this.#answer(true);
      this.#moveTail(true);
      this.#session!.readOn(50);
      this.#acknowledge(true);
      const { outbound } = this.#session!;
      if (outbound.lags === null && outbound.owedPlaces().length === 0 && outbound.window.size === 0) return;
    }
  }
}

function name({ topic, shard, offset }: LogRecord): string {
  return `${topic} at ${shard}/${offset}`;
}
