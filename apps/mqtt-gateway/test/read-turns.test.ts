// N8: who reads when, on a clock that moves with the packets read.

import { VirtualClock } from '@robustmq/testkit';
import { ReadTurns, type Reader } from '../src/session/read-turns.ts';

/** What a packet costs on the clock of these tests. */
const PACKET_MS = 0.01;
const SLICE_MS = 5;
const IDLE_SLICE_MS = 1;

let timers: VirtualClock;
let packets: number;
let turns: ReadTurns;
/** Everything read, as names. */
let order: string[];

class Client implements Reader {
  readonly name: string;
  readonly isIdle: boolean;
  waiting = 0;
  read = 0;
  idlePackets = 0;

  constructor(name: string, isIdle = false) {
    this.name = name;
    this.isIdle = isIdle;
  }

  /** Its socket has so many packets more. */
  receive(count: number): void {
    const isInLine = this.waiting > 0;
    this.waiting += count;
    if (!isInLine && turns.begin(this)) this.readOn();
  }

  readOn(): void {
    // Those in line may always begin.
    turns.begin(this);
    while (this.waiting > 0) {
      this.waiting--;
      this.read++;
      packets++;
      if (this.isIdle) this.idlePackets++;
      order.push(this.name);
      if (this.waiting > 0 && turns.isSpent()) {
        turns.leave(this);
        return;
      }
    }
  }
}

/** Lets the loop turn once; what that took, in ms. */
async function turn(): Promise<number> {
  const before = packets;
  await timers.step();
  return (packets - before) * PACKET_MS;
}

beforeEach(() => {
  packets = 0;
  order = [];
  timers = new VirtualClock();
  turns = new ReadTurns({ monotonicMs: () => packets * PACKET_MS }, timers);
});

/** Slices are looked at between two packets. */
const withOnePacketMore = (sliceMs: number): number => sliceMs + 3 * PACKET_MS;

test('N8: all connections share one slice of a turn, and each is read to its end', async () => {
  const clients = Array.from({ length: 20 }, (_, index) => new Client(`c${index}`));
  for (const client of clients) client.receive(2_000);
  expect(packets * PACKET_MS).toBeLessThanOrEqual(withOnePacketMore(SLICE_MS));
  for (let longest = 0; timers.pending > 0;) {
    longest = Math.max(longest, await turn());
    expect(longest).toBeLessThanOrEqual(withOnePacketMore(SLICE_MS));
  }
  expect(clients.map(({ read }) => read)).toEqual(clients.map(() => 2_000));
});

test('N8: who comes with little is read in the next turn, before all that earlier ones have left', async () => {
  const hogs = Array.from({ length: 20 }, (_, index) => new Client(`hog ${index}`));
  for (const hog of hogs) hog.receive(5_000);
  // A millisecond each, five of them in a turn.
  for (let round = 0; round < 4; round++) await turn();
  expect(hogs.filter(({ read }) => read === 0)).toEqual([]);
  const late = new Client('late');
  late.receive(1);
  expect(late.read).toBe(0);
  order = [];
  await turn();
  expect(order[0]).toBe('late');
});

test('N8: packets that move nothing on have a slice of their own, however many send them', async () => {
  const floods = Array.from({ length: 200 }, (_, index) => new Client(`flood ${index}`, true));
  for (const flood of floods) flood.receive(10_000);
  const probe = new Client('probe');
  for (let round = 0; round < 100; round++) {
    const tookMs = await turn();
    // Those that came when the first slice was used up are read 64 packets each, once.
    if (round > floods.length) expect(tookMs).toBeLessThanOrEqual(withOnePacketMore(IDLE_SLICE_MS));
    else expect(tookMs).toBeLessThanOrEqual(withOnePacketMore(IDLE_SLICE_MS + SLICE_MS));
  }
  // There is room for others within the turn that is under way.
  probe.receive(1);
  expect(probe.read).toBe(1);
  while (timers.pending > 0) await turn();
  expect(floods.map(({ read }) => read)).toEqual(floods.map(() => 10_000));
});

test('N7: who has left something is read on in every turn, whoever else comes', async () => {
  const hog = new Client('hog');
  hog.receive(5_000);
  for (let round = 0; hog.waiting > 0; round++) {
    const before = hog.read;
    // They take the whole slice.
    const late = Array.from({ length: 5 }, (_, index) => new Client(`${round}/${index}`));
    for (const client of late) client.receive(100);
    await turn();
    expect(hog.read).toBeGreaterThan(before);
  }
});

test('N7: who goes leaves the line, and the others are read', async () => {
  const [first, second] = [new Client('first'), new Client('second')];
  first.receive(5_000);
  second.receive(5_000);
  const read = first.read;
  turns.forget(first);
  while (timers.pending > 0) await turn();
  expect([first.read, second.read]).toEqual([read, 5_000]);
});

test('no turn is made of a loop without input', async () => {
  new Client('once').receive(1);
  await turn();
  expect(timers.pending).toBe(0);
});
