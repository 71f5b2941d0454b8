// The real process, through the real client.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MetaClient, type Registration } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';
import { buildMetaService, credentialsFor, MetaProcess } from './support/meta-process.ts';

const ROUNDS = 4;
const CLIENTS = 40;
const ENOUGH = 40;
/** The first epoch of a client id is one more than a multiple of it; each opening raises it by one. */
const EPOCHS_PER_COMMAND = 16_384n;

interface Ledger {
  acknowledged: number;
  attempted: number;
}

describe('the process', () => {
  let directory: string;
  let running: MetaProcess | undefined;
  beforeAll(() => buildMetaService());
  beforeEach(() => (directory = mkdtempSync(path.join(tmpdir(), 'meta-process-'))));
  afterEach(async () => {
    await running?.stop('SIGKILL');
    running = undefined;
    rmSync(directory, { recursive: true });
  });

  const connect = async (address: string, kind = ServiceKind.MQTT_GATEWAY): Promise<MetaClient> =>
    new MetaClient({ addresses: [address], credentials: await credentialsFor(directory, kind) });

  const start = async (port = 0, flags: string[] = []): Promise<MetaProcess> =>
    (running = await MetaProcess.start(directory, port, flags));

  test('kill -9 under load: nothing acknowledged is lost, nothing is applied twice (I1, M1, M2)', async () => {
    const epochs = new Map<string, Ledger>();
    const offset: Ledger = { acknowledged: 0, attempted: 0 };
    for (let round = 0; round <= ROUNDS; round++) {
      const { address } = await start(0, ['--commitLog.fileBytes=1MiB']);
      const client = await connect(address);
      const groups = await connect(address, ServiceKind.KAFKA_GATEWAY);
      const registration = await client.register(
        { nodeId: 'mqtt-1', kind: ServiceKind.MQTT_GATEWAY },
        () => undefined,
      );
      await verify(client, groups, epochs, offset);
      if (round < ROUNDS) {
        const load = new Load(client, groups, registration, epochs, offset);
        await load.enough();
        const ended = running!.stop('SIGKILL');
        await Promise.all([ended, load.stop()]);
      }
      client.close();
      groups.close();
    }
    expect(offset.acknowledged).toBeGreaterThan(ROUNDS);
  }, 60_000);

  test('a second process on the folder is refused with exit code 2 and names the first, which goes on (N3)', async () => {
    await start();
    const first = running!;
    await expect(MetaProcess.start(directory, 0, [])).rejects.toThrow(
      new RegExp(`ended with 2: [^]*in use by process ${first.pid} on `),
    );
    const client = await connect(first.address);
    await client.ready();
    client.close();
  });

  test.each(['/proc/robustmq', `${__filename}/below`])(
    'a folder that can hold no data is refused at once, with exit code 2: %s (N7)',
    async (folder) => {
      await expect(MetaProcess.start(folder, 0, [])).rejects.toThrow(
        new RegExp(`ended with 2: [^]*the folder ${folder} can not be used for data`),
      );
    },
  );

  test('another node on the folder is refused with exit code 2 (N2)', async () => {
    await start();
    await running!.stop('SIGTERM');
    await expect(start(0, ['--node.id=meta-2'])).rejects.toThrow(
      /ended with 2: [^]*data of node 'meta-1'[^]* this is node 'meta-2'/,
    );
  });

  test('a damaged state ends it with 1, the reason and the next step; an empty file of facts is mended', async () => {
    await start();
    await running!.stop('SIGTERM');
    writeFileSync(path.join(directory, 'meta.json'), '');
    await start();
    await running!.stop('SIGTERM');
    writeFileSync(path.join(directory, 'state', 'CURRENT'), 'x');
    await expect(start()).rejects.toThrow(/ended with 1: [^]*CURRENT[^]*bring the whole data folder back/);
  });

  test('the first password is written once, for its owner only, and opens the account', async () => {
    await start();
    const file = path.join(directory, 'initial-admin-password');
    const password = readFileSync(file, 'utf8').trim();
    expect(password.length).toBeGreaterThanOrEqual(24);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const client = await connect(running!.address);
    await client.ready();
    const { verify: verifyHash } = await import('@node-rs/argon2');
    expect(await verifyHash(client.view.user('default', 'admin')!.passwordHash, password)).toBe(true);
    client.close();
    expect(await running!.stop('SIGTERM')).toBe(0);
    await start();
    expect(readFileSync(file, 'utf8').trim()).toBe(password);
  }, 30_000);

  test('N15: the secret is made at the first start, for its owner only; no other address than loopback is served', async () => {
    await start();
    const file = path.join(directory, 'cluster.secret');
    const secret = readFileSync(file, 'utf8');
    expect([secret.trim().length, statSync(file).mode & 0o777]).toEqual([43, 0o600]);
    expect(await running!.stop('SIGTERM')).toBe(0);
    await start();
    expect(readFileSync(file, 'utf8')).toBe(secret);
    const open = MetaProcess.start(directory, 0, ['--grpc.host=0.0.0.0']);
    await expect(open).rejects.toThrow(/ended with 2: [^]*grpc\.host[^]*loopback only/);
  }, 30_000);

  test('a watching client follows over a restart on the same port', async () => {
    const first = await start();
    const port = first.address.split(':')[1]!;
    const client = await connect(first.address, ServiceKind.KAFKA_GATEWAY);
    await client.register(
      { nodeId: 'journal-1', kind: ServiceKind.JOURNAL, directoryId: 'd' },
      () => undefined,
    );
    await client.ready();
    expect(await first.stop('SIGTERM')).toBe(0);
    await start(Number(port));
    const { revision } = await client.persist(() =>
      client.cluster.createStream({ tenant: 'default', name: 'after' }),
    );
    await client.view.waitForRevision(Number(revision), 10_000);
    expect(client.view.streamByName('default', 'after')?.shards.length).toBe(1);
    client.close();
  }, 30_000);
});

/** Opens sessions and commits an offset, as fast as the answers come. */
class Load {
  readonly #client: MetaClient;
  readonly #groups: MetaClient;
  readonly #registration: Registration;
  readonly #epochs: Map<string, Ledger>;
  readonly #offset: Ledger;
  readonly #runs: Promise<void>[];
  #answers = 0;
  #stopped = false;

  constructor(
    client: MetaClient,
    groups: MetaClient,
    registration: Registration,
    epochs: Map<string, Ledger>,
    offset: Ledger,
  ) {
    this.#client = client;
    this.#groups = groups;
    this.#registration = registration;
    this.#epochs = epochs;
    this.#offset = offset;
    this.#runs = [this.#opens(0), this.#opens(1), this.#commits()];
  }

  /** Resolves when enough was acknowledged to be worth a crash. */
  async enough(): Promise<void> {
    while (this.#answers < ENOUGH) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#runs);
  }

  /** A failed call says nothing: it may have been applied. */
  async #repeat(call: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      try {
        await call();
        this.#answers++;
      } catch {
        if (this.#answers >= ENOUGH) return;
        throw new Error('a call failed before the crash');
      }
    }
  }

  #opens(lane: number): Promise<void> {
    let turn = 0;
    return this.#repeat(async () => {
      const clientIds = Array.from({ length: 10 }, (_, i) => `${lane}-${(turn * 7 + i) % CLIENTS}`);
      turn++;
      const ledgers = clientIds.map((clientId) => ledgerOf(this.#epochs, clientId));
      for (const ledger of ledgers) ledger.attempted++;
      const sessions = clientIds.map((clientId) => ({ tenant: 't', clientId, expiryIntervalS: 3_600 }));
      const request = { node: this.#registration.identity, requestId: this.#client.requestId(), sessions };
      await this.#client.sessions.openSessions(request);
      for (const ledger of ledgers) ledger.acknowledged++;
    });
  }

  async #commits(): Promise<void> {
    const group = { tenant: 't', groupId: 'g' };
    const node = this.#registration.identity;
    const requestId = this.#client.requestId();
    const { claim } = await this.#groups.groups.claimGroup({ node, requestId, group });
    await this.#repeat(async () => {
      const value = ++this.#offset.attempted;
      await this.#groups.groups.commitOffsets({
        node,
        requestId: this.#client.requestId(),
        group,
        coordinatorEpoch: claim?.coordinatorEpoch ?? -1,
        offsets: [{ streamId: 1, shard: 0, offset: BigInt(value) }],
      });
      this.#offset.acknowledged = value;
    });
  }
}

function ledgerOf(ledgers: Map<string, Ledger>, name: string): Ledger {
  let ledger = ledgers.get(name);
  if (ledger === undefined) ledgers.set(name, (ledger = { acknowledged: 0, attempted: 0 }));
  return ledger;
}

async function verify(
  client: MetaClient,
  groups: MetaClient,
  epochs: Map<string, Ledger>,
  offset: Ledger,
): Promise<void> {
  const { sessions } = await client.sessions.listSessions({ tenant: 't', limit: 1_000 });
  const found = new Map(
    sessions.map(({ head }) => [head!.key!.clientId, Number(head!.key!.epoch % EPOCHS_PER_COMMAND)]),
  );
  for (const [clientId, ledger] of epochs) check(ledger, found.get(clientId) ?? 0);
  const { offsets } = await groups.groups.fetchOffsets({ group: { tenant: 't', groupId: 'g' }, all: true });
  check(offset, Number(offsets[0]?.offset ?? 0n));
}

function check(ledger: Ledger, actual: number): void {
  expect(actual).toBeGreaterThanOrEqual(ledger.acknowledged);
  expect(actual).toBeLessThanOrEqual(ledger.attempted);
  ledger.acknowledged = actual;
}
