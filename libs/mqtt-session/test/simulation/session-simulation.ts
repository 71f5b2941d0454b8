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
} from './cluster.ts';
import { ServedSession, type Delivered, type SessionFaults } from './served-session.ts';
import { Connect, Ownership, type TakeoverFaults } from './takeovers.ts';

/** Faults that a test plants where the production code decides or is used. */
export type Faults = SessionFaults & TakeoverFaults;

const STEPS = 220;
const GATEWAYS = ['a', 'b', 'c'];
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
  /** As well at QoS 0, where no gateway may have sent them before it crashed: they were never sent, or were received. */
  readonly expectedQos0 = new Set<LogRecord>();
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
  readonly #rows = new SessionRows<Ownership>();
  readonly #gateways: Ownership[];
  readonly #client = new Client();
  readonly #receiveMaximum: number;
  readonly #asked: Pending[] = [];
  /** The CONNECT that the client waits for, or that it is served by. */
  #connect: Connect | null = null;
  /** Where that is. */
  #at: Ownership | null = null;
  /** A gateway that knew something has crashed since the session was last served without a doubt. */
  #isDoubtFair = false;
  readonly #subscribedAt = new Map<string, number>();
  readonly #grantedAt = new Map<string, number>();
  #step = 0;

  constructor(seed: number, faults: Faults = {}) {
    this.#random = new Random(seed);
    this.#faults = faults;
    this.#receiveMaximum = this.#random.pick([1, 2, 3, 8]);
    this.#gateways = GATEWAYS.map((name) => this.#start(name));
  }

  #start(name: string): Ownership {
    const gateway = new SimulatedGateway(name, this.#log);
    return new Ownership(gateway, this.#rows, () => this.#gateways, this.#faults);
  }

  /** @throws InvariantViolation */
  run(): void {
    for (this.#step = 1; this.#step <= STEPS; this.#step++) this.#act();
    this.#settle();
    const { expected, expectedQos0, confirmed, receivedQos0, received, owed } = this.#client;
    for (const record of expected)
      invariant(confirmed.has(record), `I4: ${name(record)} was sent after SUBACK and never settled`);
    for (const record of expectedQos0) {
      const hasCome = receivedQos0.has(record) || received.has(record);
      invariant(hasCome, `S3: ${name(record)} was never sent, and is dropped at QoS 0 in doubt`);
    }
    invariant(owed.size === 0, `[MQTT-4.4.0-1]: ${owed.size} messages in flight never came again`);
  }

  #act(): void {
    const random = this.#random;
    const roll = random.below(100);
    if (roll < 20) this.#publish();
    else if (roll < 38) this.#moveTail();
    else if (roll < 52) this.#served()?.session.readOn(random.between(1, 5));
    else if (roll < 64) this.#acknowledge();
    else if (roll < 72) this.#answer();
    else if (roll < 76) this.#commitCursors();
    else if (roll < 81) this.#subscribeOrNot();
    else if (roll < 84) this.#comeTo(random.pick(this.#gateways));
    else if (roll < 96) this.#goOnSoon();
    else if (roll < 97) this.#leave();
    else if (roll < 99) this.#jump();
    else if (random.chance(0.5)) this.#crash(random.below(GATEWAYS.length));
  }

  /** Often several steps at once: else hardly anything is ever served. */
  #goOnSoon(): void {
    const random = this.#random;
    for (let steps = random.pick([1, 2, 8]); steps > 0; steps--) this.#goOn(random.pick(this.#gateways));
  }

  /** Where the session is served; the client may be elsewhere by now. */
  #served(): Ownership['served'] {
    return this.#gateways.find(({ served }) => served !== null)?.served ?? null;
  }

  /** The session that the client is served by. */
  get #session(): ServedSession | null {
    const served = this.#served();
    return served !== null && served.connect === this.#connect ? served.session : null;
  }

  // --- the log and the tails ---

  #publish(): void {
    const record = this.#log.publish(this.#random.pick(TOPICS), this.#step);
    const { granted, expected, expectedQos0 } = this.#client;
    const found = [...granted].filter(([filter]) => matches(filter, record.topic)).map(([, qos]) => qos);
    if (found.includes(1)) expected.add(record);
    else if (found.length > 0 && this.#served()?.session.outbound.isUncertain !== true)
      expectedQos0.add(record);
  }

  #moveTail(all = false): void {
    for (const { gateway } of all ? this.#gateways : [this.#random.pick(this.#gateways)]) {
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
        this.#servedBy(gateway)?.fromTail(tail, record);
      }
      tail.nextOffset = offset + 1;
    }
    // The ring is bounded: the oldest leave.
    const keep = this.#random.between(1, 12);
    tail.ringStart = Math.max(tail.ringStart, tail.nextOffset - keep);
  }

  #servedBy(gateway: SimulatedGateway): ServedSession | undefined {
    return this.#gateways.find((each) => each.gateway === gateway)?.served?.session;
  }

  #jump(): void {
    const { gateway } = this.#random.pick(this.#gateways);
    const tail = [...gateway.tails.values()][0];
    const to = tail === undefined ? 0 : this.#log.highWatermark(tail.key);
    if (tail === undefined || to === tail.nextOffset) return;
    const from = tail.nextOffset;
    this.#servedBy(gateway)?.tailJumped(tail, from, to);
    tail.ring.clear();
    tail.nextOffset = tail.ringStart = to;
  }

  #answer(all = false): void {
    for (const { gateway } of this.#gateways) {
      for (const { filter, shard } of gateway.unanswered()) {
        if (all || this.#random.chance(0.5)) gateway.answer(filter, shard);
      }
    }
    this.#served()?.session.beginAnswered();
    this.#grant();
  }

  // --- the client ---

  #acknowledge(all = false): void {
    const session = this.#session;
    if (session === null) return;
    const { inFlight, acknowledged, confirmed, owed } = this.#client;
    for (const [packetId, record] of inFlight) {
      if (!all && this.#random.chance(0.5)) continue;
      inFlight.delete(packetId);
      acknowledged.add(record);
      confirmed.add(record);
      owed.delete(record);
      session.acknowledge(packetId);
    }
  }

  #subscribeOrNot(): void {
    const session = this.#session;
    if (session === null || this.#isFenced) return;
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
    const { expected, expectedQos0, confirmed, granted } = this.#client;
    expectedQos0.clear();
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
    if (session === null || this.#isFenced) return;
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

  /** Another gateway has opened the session: what this one asks of meta is refused. */
  get #isFenced(): boolean {
    return this.#served()?.epoch !== this.#rows.epoch;
  }

  /** The client comes, whatever became of its last connection. */
  #comeTo(ownership: Ownership): void {
    this.#connect = new Connect();
    this.#at = ownership;
    this.#ended(() => ownership.connect(this.#connect!));
  }

  /** Its DISCONNECT, or the end of its socket. */
  #leave(): void {
    const connect = this.#connect;
    this.#connect = null;
    this.#ended(() => {
      if (connect !== null) for (const each of this.#gateways) each.drop(connect);
    });
  }

  /** What a gateway does of its own accord. */
  #goOn(ownership: Ownership): void {
    this.#ended(() => {
      const connect = ownership.step(() => this.#random.chance(0.3));
      if (connect !== null) this.#serve(ownership, connect);
    });
  }

  #serve(ownership: Ownership, connect: Connect): void {
    const stored = connect.stored!;
    invariant(this.#served() === null, 'I6: the session is served twice');
    const isInDoubt = connect.places === undefined && connect.isUncertain;
    invariant(!isInDoubt || this.#isDoubtFair, 'S3: what an owner knew was lost on its way');
    const { owed, settled, expectedQos0 } = this.#client;
    if (!isInDoubt) this.#isDoubtFair = false;
    if (isInDoubt || stored.isUncertain) {
      const isKnown = ({ shard, offset }: LogRecord): boolean =>
        stored.outbound.some((row) => row.shard === shard && row.offset === offset);
      for (const record of owed.keys()) if (!isKnown(record)) owed.delete(record);
      // Behind the cursors what was settled may come again, with DUP.
      for (const record of settled)
        if (record.offset >= (stored.cursors.get(record.shard)?.offset ?? 0)) settled.delete(record);
    } else this.#isDoubtFair = false;
    if (stored.isUncertain) expectedQos0.clear();
    const deliver = (delivered: Delivered): void => this.#received(delivered);
    const { gateway } = ownership;
    const { filters } = this.#rows;
    const session = new ServedSession(
      gateway,
      this.#log,
      filters,
      stored,
      this.#receiveMaximum,
      this.#faults,
      deliver,
    );
    ownership.served = { session, connect, epoch: connect.epoch };
  }

  /** Does something that may end the session where it is served; gracefully: what was known there is handed on. */
  #ended(act: () => void): void {
    const before = this.#served();
    act();
    if (before === null || this.#served() === before) return;
    const { inFlight, owed, acknowledged, settled } = this.#client;
    for (const [packetId, record] of inFlight) owed.set(record, packetId);
    for (const record of acknowledged) settled.add(record);
    this.#lost();
  }

  #lost(): void {
    this.#client.inFlight.clear();
    this.#client.acknowledged.clear();
    // Without SUBACK the client knows that it has to ask again.
    for (const { filter } of this.#asked.splice(0)) {
      this.#subscribedAt.delete(filter);
      this.#client.granted.delete(filter);
    }
  }

  #commitCursors(): void {
    const served = this.#served();
    if (served === null) return;
    if (this.#isFenced) {
      const owner = this.#gateways.find((each) => each.served === served)!;
      this.#ended(() => owner.end());
      return;
    }
    for (const [shard, cursor] of served.session.movedCursors()) {
      this.#rows.cursors.set(shard, cursor);
      for (const record of this.#client.acknowledged) {
        if (record.shard !== shard || record.offset >= cursor.offset) continue;
        this.#client.settled.add(record);
      }
    }
  }

  #crash(index: number): void {
    const crashed = this.#gateways[index]!;
    crashed.isAlive = false;
    if (crashed === this.#at) this.#connect = null;
    if (crashed.isConcerned) {
      this.#isDoubtFair = true;
      this.#client.expectedQos0.clear();
    }
    if (crashed.served !== null) {
      crashed.served.session.close();
      this.#lost();
    }
    this.#gateways[index] = this.#start(crashed.gateway.name);
  }

  /** The client is not served, and waits for nothing. */
  get #isRefused(): boolean {
    return this.#connect === null || this.#connect.state === 'decided';
  }

  /** Nothing new happens any more: all that is owed arrives. */
  #settle(): void {
    for (let round = 0; round < 400; round++) {
      // A CONNECT that it gave up may still take the session away: then it comes again.
      if (this.#session === null && this.#isRefused) this.#comeTo(this.#gateways[0]!);
      for (const each of this.#gateways) this.#goOn(each);
      this.#answer(true);
      this.#moveTail(true);
      const session = this.#session;
      if (session === null) continue;
      session.readOn(50);
      this.#acknowledge(true);
      const { outbound } = session;
      if (outbound.lags === null && outbound.owedPlaces().length === 0 && outbound.window.size === 0) return;
    }
  }
}

function name({ topic, shard, offset }: LogRecord): string {
  return `${topic} at ${shard}/${offset}`;
}
