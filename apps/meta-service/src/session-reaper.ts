// Sessions that are over: those of incarnations that ended, and those whose expiry has passed. Bounded steps (rule S1).
import { create } from '@bufbuild/protobuf';
import type { KeyValueEntry, KeyValueStore } from '@robustmq/kv-store';
import {
  CloseIncarnationSchema,
  EndNodesSchema,
  ExpireSessionsSchema,
  NodeIdentitySchema,
  SessionKeySchema,
  type Command,
  type NodeIdentity,
  type SessionKey,
} from '@robustmq/rpc';
import { commandSlices } from './command-slices.ts';
import { afterPrefix, expiries, expiryKey, ownerPrefix, owners, partsOf, sessionKey } from './data/keys.ts';
import { decodeHead, keyOfHead } from './data/session-heads.ts';
import { dataFamily } from './families.ts';
import type { Leases } from './leases.ts';

/** Rows per step. */
const STEP = 500;
/** Steps per run and group. */
const STEPS_PER_RUN = 4;

/** The part of meta-service that the reaper works on. */
export interface ReapedGroups {
  readonly dataGroups: number;
  readonly store: KeyValueStore;
  readonly leases: Pick<Leases, 'isLive'>;
  nowMs(): number;
  /** Proposes a command of a data group (0-based). */
  data(group: number, command: Command['command']): Promise<unknown>;
}

/** Finds what is over and proposes its end. */
export class SessionReaper {
  readonly #meta: ReapedGroups;
  readonly #ended = new Map<string, NodeIdentity>();
  #foundOwners = false;

  constructor(meta: ReapedGroups) {
    this.#meta = meta;
  }

  /** Its sessions are to be closed. */
  incarnationEnded(node: NodeIdentity): void {
    this.#ended.set(`${node.nodeId}/${node.incarnation}`, node);
  }

  /** One bounded run. */
  async run(): Promise<void> {
    if (!this.#foundOwners) await this.#findDeadOwners();
    for (const [name, node] of this.#ended) if (await this.#closeSome(node)) this.#ended.delete(name);
    for (let group = 0; group < this.#meta.dataGroups; group++) await this.#expireSome(group);
  }

  /** After a start: rows of incarnations that ended while their sessions were not closed yet. */
  async #findDeadOwners(): Promise<void> {
    this.#foundOwners = true;
    const first = owners();
    for (let group = 0; group < this.#meta.dataGroups; group++) {
      for (let from: Buffer = first; ;) {
        const page = await this.#meta.store.scan(dataFamily(group), {
          from,
          until: afterPrefix(first),
          limit: 1,
        });
        const [, nodeId, incarnation] = page[0] === undefined ? [] : partsOf(page[0].key);
        if (nodeId === undefined || incarnation === undefined) break;
        if (!this.#meta.leases.isLive(nodeId, BigInt(incarnation))) {
          this.incarnationEnded(create(NodeIdentitySchema, { nodeId, incarnation: BigInt(incarnation) }));
        }
        from = afterPrefix(ownerPrefix(nodeId, BigInt(incarnation)));
      }
    }
  }

  /** True when nothing of the incarnation is left. */
  async #closeSome(node: NodeIdentity): Promise<boolean> {
    let isDone = true;
    const prefix = ownerPrefix(node.nodeId, node.incarnation);
    const value = create(EndNodesSchema, { nodes: [node] });
    for (let group = 0; group < this.#meta.dataGroups; group++) {
      // A request that was checked before the end would leave a row behind; told twice, a group changes nothing (rule F1).
      await this.#meta.data(group, { case: 'endNodes', value });
      for (let step = 0; ; step++) {
        const page = await this.#meta.store.scan(dataFamily(group), {
          from: prefix,
          until: afterPrefix(prefix),
          limit: STEP,
        });
        if (page.length === 0) break;
        if (step === STEPS_PER_RUN) {
          isDone = false;
          break;
        }
        for (const slice of commandSlices(page)) {
          const sessions = slice.map(({ key }) => sessionKeyFrom(key, 3));
          const value = create(CloseIncarnationSchema, { node, sessions });
          await this.#meta.data(group, { case: 'closeIncarnation', value });
        }
      }
    }
    return isDone;
  }

  async #expireSome(group: number): Promise<void> {
    const from = expiries();
    const until = expiryKey(BigInt(this.#meta.nowMs()), '', '');
    for (let step = 0; step < STEPS_PER_RUN; step++) {
      const page = await this.#meta.store.scan(dataFamily(group), { from, until, limit: STEP });
      if (page.length === 0) return;
      for (const slice of commandSlices(page)) await this.#expire(group, slice);
    }
  }

  async #expire(group: number, due: readonly KeyValueEntry[]): Promise<void> {
    const named = due.map(({ key }) => sessionKeyFrom(key, 2));
    const rows = await this.#meta.store.getMany(
      dataFamily(group),
      named.map(({ tenant, clientId }) => sessionKey(tenant, clientId)),
    );
    const sessions = rows.flatMap((row) => (row === undefined ? [] : [keyOfHead(decodeHead(row))]));
    if (sessions.length === 0) return;
    const value = create(ExpireSessionsSchema, { sessions });
    await this.#meta.data(group, { case: 'expireSessions', value });
  }
}

/** Tenant and client id stand at the end of an index key, after `skip` other parts. */
function sessionKeyFrom(key: Buffer, skip: number): SessionKey {
  const [tenant, clientId] = partsOf(key).slice(skip);
  return create(SessionKeySchema, { ...(tenant && { tenant }), ...(clientId && { clientId }) });
}
