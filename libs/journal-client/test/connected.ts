// A client on a scripted journal.

import { ServiceKind } from '@robustmq/rpc';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { JournalClient, type TailBatches } from '../src/index.ts';
import type { JournalClientOptions } from '../src/client.ts';
import type { ShardDirectory } from '../src/directory.ts';
import { ScriptedJournal, until } from './scripted-journal.ts';
import { CREDENTIALS } from './credentials.ts';

/** A directory that a test changes. */
export class TestDirectory implements ShardDirectory {
  nodes: { nodeId: string; address: string }[];
  readonly streams = new Set([1, 2]);
  readonly leaders = new Map<number, string>();
  readonly #listeners = new Set<() => void>();

  constructor(journal: ScriptedJournal, nodeId = 'journal-1') {
    this.nodes = [{ nodeId, address: journal.address }];
  }

  revision(): number {
    return 7;
  }

  leaderOf(streamId: number): { nodeId: string; leaderEpoch: number } | undefined {
    const nodeId = this.leaders.get(streamId) ?? this.nodes[0]?.nodeId;
    return nodeId === undefined ? undefined : { nodeId, leaderEpoch: 0 };
  }

  hasStream(streamId: number): boolean {
    return this.streams.has(streamId);
  }

  journals(): readonly { nodeId: string; address: string }[] {
    return this.nodes;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Connects a client. */
export function connect(directory: ShardDirectory, more: Partial<JournalClientOptions> = {}): JournalClient {
  return new JournalClient({
    directory,
    identity: { nodeId: 'mqtt-1', incarnation: 3 },
    kind: ServiceKind.MQTT_GATEWAY,
    credentials: CREDENTIALS,
    producerIds: { base: 1000, count: 3 },
    tickMs: 1,
    ...more,
  });
}

/** A client with a connection, and what its tails brought. */
export interface Connected {
  readonly journal: ScriptedJournal;
  readonly directory: TestDirectory;
  readonly client: JournalClient;
  readonly tails: TailBatches[];
}

/** Starts a journal and connects a client with little credit to it. */
export async function connected(): Promise<Connected> {
  const journal = new ScriptedJournal();
  await journal.start();
  const directory = new TestDirectory(journal);
  const tails: TailBatches[] = [];
  const client = connect(directory, {
    onTail: (batches) => tails.push(batches),
    streamCreditBytes: 4000,
    shardCreditBytes: 4000,
  });
  await until(() => client.connected, 'connection');
  return { journal, directory, client, tails };
}

/** A batch of one record. */
export function batch(value = 'x'): Buffer {
  const builder = new RecordBatchBuilder();
  builder.append(1, null, Buffer.from(value));
  return builder.finishCopy();
}
