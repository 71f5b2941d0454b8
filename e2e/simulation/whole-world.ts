// The whole system in one simulated world, from one seed: a meta-service, two journal-servers, two mqtt-gateways and a
// gateway for Kafka producers, all production code, under crashes, power cuts, pauses, cuts of the network and clocks that
// jump. Outside are clients that keep a ledger.

import { createHash, type Hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { invariant, InvariantViolation, World, type Life } from '@robustmq/testkit';
import type { Journal } from '../../apps/journal-server/src/journal.ts';
import type { Client } from '../../apps/mqtt-gateway/src/session/client.ts';
import type { Serving } from '../../apps/mqtt-gateway/src/serving.ts';
import { startGateway } from './gateway-process.ts';
import { JOURNAL_FAMILIES, startJournal } from './journal-process.ts';
import { startKafka, type KafkaAccess } from './kafka-process.ts';
import { KafkaProducer } from './kafka-producer.ts';
import { Ledger } from './ledger.ts';
import { checkLog, recordsOf, type LogReader } from './log-check.ts';
import { MachineStore } from './machine-store.ts';
import { META_FAMILIES, startMeta } from './meta-process.ts';
import { Publisher, Subscriber } from './mqtt-clients.ts';
import { logInto, META } from './settings.ts';
import { withoutPlatform } from './without-platform.ts';

const JOURNALS = ['journal-1', 'journal-2'];
const GATEWAYS = ['mqtt-1', 'mqtt-2'];
const KAFKA = 'kafka-1';
const PROCESSES = [META, ...JOURNALS, ...GATEWAYS, KAFKA];
const PUBLISHERS = ['pub-1', 'pub-2'];
const SUBSCRIBERS = ['sub-1', 'sub-2'];
const TOPICS = ['t/1', 't/2', 't/3', 'orders/1'];
const FILTERS = ['#', 't/#', 't/1', 'orders/#'];
const MQTT_SHARDS = 2;
const TENANT = 'default';
/** Faults come for so long; then the world has so long to make good. */
const TROUBLE_MS = 4_000;
const QUIET_MS = 60_000;
const STEP_MS = 20;

/** What happened over all runs: a run proves nothing of what did not happen in it. */
export const COVERAGE = {
  kills: 0,
  powerCuts: 0,
  pauses: 0,
  cuts: 0,
  clockJumps: 0,
  leasesLost: 0,
  takeovers: 0,
  deletions: 0,
  redeliveries: 0,
};

/** One seed. */
export class WholeWorld {
  readonly world: World;
  readonly ledger = new Ledger();
  /** Lines of all processes, for whoever looks into a failure. */
  readonly lines: string[] = [];
  readonly #trace: Hash = createHash('sha256');
  readonly #stores = new Map<string, MachineStore>();
  readonly #servings = new Map<string, Serving>();
  readonly #journals = new Map<string, Journal>();
  readonly #publishers: Publisher[] = [];
  readonly #subscribers: Subscriber[] = [];
  readonly #producers: KafkaProducer[] = [];
  readonly #downUntilMs = new Map<string, number>();
  /** Until then a process stands still, or a way is cut. */
  #troubledUntilMs = 0;
  #kafka: KafkaAccess | undefined;
  #found: unknown;

  constructor(seed: number) {
    this.world = new World(seed);
    this.world.network.behaviour.breakRate = this.world.random.pick([0, 0, 0.0005]);
    this.#stores.set(META, new MachineStore(META_FAMILIES, this.world.random));
    for (const name of JOURNALS)
      this.#stores.set(name, new MachineStore(JOURNAL_FAMILIES, this.world.random));
    this.#addProcesses();
    this.#addClients();
  }

  /** What the run did, in one number: the same seed gives the same. */
  get traceHash(): string {
    return this.#trace.copy().digest('hex');
  }

  #note(event: string): void {
    const line = `${this.world.clock.monotonicMs().toFixed(3)} ${event}`;
    this.lines.push(line);
    this.#trace.update(line);
  }

  #addProcesses(): void {
    const { world } = this;
    const found = (error: unknown): void => void (this.#found ??= error);
    const around = (name: string) => ({
      store: this.#stores.get(name)!,
      log: logInto((line) => this.#note(`${name} ${line}`), found),
      found,
    });
    const meta = { ...around(META), mqttShards: MQTT_SHARDS };
    world.add(META, (life) => startMeta(life, meta));
    for (const name of JOURNALS) {
      const opened = (journal: Journal): void => void this.#journals.set(name, journal);
      world.add(name, (life) => startJournal(life, { ...around(name), opened }));
    }
    for (const name of GATEWAYS) {
      const opened = (serving: Serving): void => {
        if (this.#servings.has(name)) COVERAGE.leasesLost++;
        this.#servings.set(name, serving);
      };
      world.add(name, (life) => startGateway(life, { ...around(name), opened }));
    }
    const opened = (access: KafkaAccess): void => {
      this.#kafka = access;
      for (const producer of this.#producers) producer.serveBy(access);
    };
    world.add(KAFKA, (life) => startKafka(life, { ...around(KAFKA), opened }));
  }

  #addClients(): void {
    const { world } = this;
    const around = { gateways: GATEWAYS, ledger: this.ledger, note: (event: string) => this.#note(event) };
    for (const name of PUBLISHERS)
      world.add(name, (life) => void this.#publishers.push(new Publisher(life, around, TOPICS)));
    SUBSCRIBERS.forEach((name, index) => {
      const filters = index === 0 ? ['#'] : [world.random.pick(FILTERS), world.random.pick(FILTERS)];
      world.add(name, (life) => void this.#subscribers.push(new Subscriber(life, around, filters)));
    });
    world.add('producers', (life) => this.#addProducers(life));
  }

  #addProducers(life: Life): void {
    const orders = new KafkaProducer(life, 'orders', { 'mqtt.filter': 'orders/#' });
    this.#producers.push(new KafkaProducer(life, 'kept'), new KafkaProducer(life, 'events'), orders);
  }

  /** A world with trouble, then quiet, then a look at everything. @throws InvariantViolation */
  async run(): Promise<void> {
    const release = withoutPlatform(() => this.world.random.fraction());
    try {
      await this.#run();
    } catch (error) {
      const trace = process.env['SIMULATION_TRACE'];
      if (trace !== undefined) writeFileSync(trace, [...this.lines, ...(await this.dump())].join('\n'));
      throw error;
    } finally {
      release();
    }
  }

  async #run(): Promise<void> {
    const { world } = this;
    for (const name of [...PROCESSES, ...PUBLISHERS, ...SUBSCRIBERS, 'producers']) world.start(name);
    await this.#until('all serve', () => this.#isServing());
    const endMs = world.clock.monotonicMs() + TROUBLE_MS;
    while (world.clock.monotonicMs() < endMs) {
      this.#trouble();
      await this.#step();
    }
    await this.#quiet();
    await this.#check();
  }

  async #step(): Promise<void> {
    await this.world.run(STEP_MS);
    this.#raise();
    for (const { name, reason } of this.world.exits.splice(0)) {
      this.#note(`${name} ended: ${reason}`);
      this.#isDown(name, false);
    }
    for (const name of PROCESSES) {
      const untilMs = this.#downUntilMs.get(name);
      if (untilMs === undefined || untilMs > this.world.clock.monotonicMs()) continue;
      this.#downUntilMs.delete(name);
      this.#note(`${name} starts`);
      this.world.start(name);
    }
    if (!this.#isCalm()) this.#disturbed();
    this.#checkOwners();
  }

  #raise(): void {
    const found = this.#found;
    if (found === undefined) return;
    if (found instanceof InvariantViolation) throw found;
    const stack = found instanceof Error ? found.stack : undefined;
    throw new InvariantViolation(`unexpected: ${stack ?? 'something that is no error was thrown'}`, {
      cause: found,
    });
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    const endMs = this.world.clock.monotonicMs() + QUIET_MS;
    while (!holds()) {
      invariant(this.world.clock.monotonicMs() < endMs, `after ${QUIET_MS} ms: ${what}`);
      await this.#step();
    }
  }

  #isServing(): boolean {
    return (
      this.#kafka?.isOpen === true &&
      GATEWAYS.every((name) => this.#servings.get(name)?.journal.connected === true) &&
      PROCESSES.every((name) => this.world.isRunning(name))
    );
  }

  // --- trouble ---

  /** Whether nothing is wrong: what is acknowledged then never comes again. */
  #isCalm(): boolean {
    return (
      this.world.clock.monotonicMs() > this.#troubledUntilMs &&
      PROCESSES.every((name) => this.world.isRunning(name)) &&
      GATEWAYS.every((name) => this.#servings.get(name)?.registration.held === true)
    );
  }

  #troubledFor(durationMs: number): void {
    this.#troubledUntilMs = Math.max(this.#troubledUntilMs, this.world.clock.monotonicMs() + durationMs);
    this.#disturbed();
  }

  #disturbed(): void {
    this.ledger.lastFaultMs = this.world.clock.monotonicMs();
  }

  #trouble(): void {
    const { random } = this.world;
    const dice = random.fraction();
    if (dice < 0.018) this.#crash(random.pick(PROCESSES), true);
    else if (dice < 0.033) this.#crash(random.pick(PROCESSES), false);
    else if (dice < 0.042) this.#pause(random.pick(PROCESSES));
    else if (dice < 0.054) this.#cut();
    else if (dice < 0.058) this.#jump(random.pick(PROCESSES));
    else if (dice < 0.14) this.#moveClient();
    else if (dice < 0.15) this.#deleteStream();
  }

  #crash(name: string, isPowerCut: boolean): void {
    const { world } = this;
    if (!world.isRunning(name)) return;
    this.#note(`${isPowerCut ? 'power cut of' : 'kill -9'} ${name}`);
    COVERAGE[isPowerCut ? 'powerCuts' : 'kills']++;
    const chances = [0, 0.5, 1];
    if (isPowerCut)
      world.cutPower(name, { sector: world.random.pick(chances), size: world.random.pick(chances) });
    else world.kill(name);
    this.#isDown(name, isPowerCut);
  }

  #isDown(name: string, isPowerCut: boolean): void {
    const { clock, random } = this.world;
    this.#disturbed();
    this.#stores.get(name)?.crash(isPowerCut);
    this.#servings.delete(name);
    this.#journals.delete(name);
    this.#downUntilMs.set(name, clock.monotonicMs() + random.between(20, 1_500));
  }

  /** SIGSTOP and SIGCONT, now and then beyond the lease. */
  #pause(name: string): void {
    if (!this.world.isRunning(name)) return;
    const durationMs = this.world.random.between(50, 2_500);
    this.#note(`${name} stands still for ${durationMs} ms`);
    COVERAGE.pauses++;
    this.#troubledFor(durationMs + WORKED_OFF_MS);
    this.world.pause(name, durationMs);
  }

  #cut(): void {
    const { network, random, clock } = this.world;
    const all = [...PROCESSES, ...PUBLISHERS, ...SUBSCRIBERS];
    const [from, to] = [random.pick(all), random.pick(all)];
    if (from === to) return;
    const isBoth = random.chance(0.5);
    this.#note(`nothing passes from ${from} to ${to}${isBoth ? ' and back' : ''}`);
    COVERAGE.cuts++;
    network.cut(from, to);
    if (isBoth) network.cut(to, from);
    const durationMs = random.between(50, 2_000);
    this.#troubledFor(durationMs + WORKED_OFF_MS);
    clock.schedule(durationMs, () => network.heal());
  }

  #jump(name: string): void {
    const skewMs = this.world.random.between(-3_600_000, 3_600_000);
    this.#note(`the wall clock of ${name} is ${skewMs} ms off`);
    COVERAGE.clockJumps++;
    this.world.setWall(name, skewMs);
  }

  #moveClient(): void {
    const { random } = this.world;
    const client = random.pick([...this.#publishers, ...this.#subscribers]);
    const how = random.pick(['left alone', 'left', 'cut'] as const);
    COVERAGE.takeovers++;
    if (how !== 'left') this.#disturbed();
    client.connect(how);
  }

  #deleteStream(): void {
    const [, ...deletable] = this.#producers;
    const producer = this.world.random.pick(deletable);
    this.#note(`the stream of ${producer.name} is deleted`);
    COVERAGE.deletions++;
    if (producer.name === 'orders')
      this.ledger.orphanedAtMs = Math.min(this.ledger.orphanedAtMs, this.world.clock.monotonicMs());
    producer.delete();
  }

  /** The records of all logs, for whoever looks into a failure. */
  async dump(): Promise<string[]> {
    const lines: string[] = [];
    for (const [name, journal] of this.#journals)
      for (const shard of journal.shards.values()) {
        const reading = shard.log.read({
          fromOffset: shard.log.logStartOffset,
          upToOffset: shard.log.logEndOffset,
          maxBytes: 1e6,
        });
        const bytes = await this.world.clock.settle(reading);
        for (const { offset, value, producer } of recordsOf(bytes))
          lines.push(`${name} ${shard.streamId}/${shard.shard} ${offset} ${value} by ${producer}`);
      }
    return lines;
  }

  // --- what must hold ---

  /** S1, F1: no two gateways serve a session while both hold their lease. */
  #checkOwners(): void {
    for (const clientId of SUBSCRIBERS) {
      const serving = GATEWAYS.filter((name) => {
        const gateway = this.#servings.get(name);
        return gateway?.registration.held === true && isServed(gateway.directory.get(TENANT, clientId));
      });
      invariant(serving.length <= 1, `S1: ${clientId} is served by ${serving.join(' and ')}`);
    }
  }

  async #quiet(): Promise<void> {
    const { world } = this;
    this.#note('quiet');
    world.network.heal();
    world.network.behaviour.breakRate = 0;
    for (const publisher of this.#publishers) publisher.isStopped = true;
    for (const producer of this.#producers) producer.isStopped = true;
    await this.#until('all serve again', () => this.#isServing());
    await this.#until('all publishes are acknowledged', () => this.#publishers.every(({ isDone }) => isDone));
    await this.#until('all batches are acknowledged', () => this.#producers.every(({ isDone }) => isDone));
    const isExcused = (topic: string, sentAtMs: number): boolean =>
      topic.startsWith('orders') && this.#producers[2]!.deletedAtMs >= sentAtMs - QUIET_MS;
    let owed: string[] = [];
    const endMs = world.clock.monotonicMs() + QUIET_MS;
    while ((owed = this.ledger.owed(isExcused)).length > 0) {
      invariant(
        world.clock.monotonicMs() < endMs,
        `I1: after ${QUIET_MS} ms of quiet ${owed.length} messages are owed: ${owed.slice(0, 5).join(', ')}`,
      );
      await this.#step();
    }
    COVERAGE.redeliveries += this.ledger.redeliveries;
  }

  async #check(): Promise<void> {
    const streams = [...this.#kafka!.meta.view.streams.values()];
    const settled = checkLog(this.#reader(), {
      streams,
      producers: this.#producers,
      acknowledged: this.ledger.acknowledgedMessages(),
      isExcused: (topic) => topic.startsWith('orders') && this.#producers[2]!.deletedAtMs > -Infinity,
    });
    let isDone = false;
    settled.then(
      () => (isDone = true),
      (error: unknown) => (this.#found ??= error),
    );
    await this.#until('the whole log is read', () => isDone);
    await this.#until('nothing of a deleted stream is left', () => this.#leftovers().length === 0);
    for (const journal of this.#journals.values())
      invariant(
        journal.failedShards === 0,
        `N4: a healthy shard of ${journal.identity.nodeId} serves nothing`,
      );
  }

  #reader(): LogReader {
    const { clock } = this.world;
    return {
      access: () => this.#kafka!,
      wait: (durationMs) => new Promise((resolve) => void clock.schedule(durationMs, resolve)),
    };
  }

  /** N2: directories of streams that are deleted. */
  #leftovers(): string[] {
    const live = this.#kafka!.meta.view.streams;
    return JOURNALS.flatMap((name) =>
      this.world
        .diskOf(name)
        .paths()
        .filter((path) => {
          const streamId = /\/shards\/(\d+)-\d+\//.exec(path)?.[1];
          return streamId !== undefined && !live.has(Number(streamId));
        }),
    );
  }
}

/** After a pause or a cut what has gathered is worked off. */
const WORKED_OFF_MS = 300;

function isServed(client: Client | undefined): boolean {
  return client !== undefined && client.session !== null && !client.isClosed;
}
