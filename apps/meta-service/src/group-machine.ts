// What a replicated group applies: commands in log order over a view of its rows. Pure: time and random bytes come with the
// command, rows that a command may read are fetched before.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { AnswerRowSchema, type Command, type NodeIdentity, type RequestId } from '@robustmq/rpc';
import type { Steps } from './steps.ts';

/** Rows of one group while a batch of commands is applied: what was fetched, under what was changed since. */
export interface ApplyView {
  /** @throws AssertionError for a key that was not named by `keysOf` */
  get(key: Buffer): Buffer | undefined;
  put(key: Buffer, value: Uint8Array): void;
  delete(key: Buffer): void;
  deleteRange(from: Buffer, until: Buffer): void;
}

/** The state machine of a kind of group. */
export interface GroupMachine {
  /** Keys that {@link apply} of this command may read. */
  keysOf(command: Command): Buffer[];
  /**
   * Applies a command and answers the bytes of the response message, at once or in steps: the next command is applied after the
   * last of them, and nobody sees the state between two.
   * @throws BrokerError with nothing changed
   */
  apply(command: Command, index: number, view: ApplyView): Uint8Array | Steps<Uint8Array>;
}

/**
 * Sequences whose answers are kept, behind the newest of an incarnation. Wider than what a caller ever has in flight,
 * because an older one can't be told from a repeat and is refused.
 */
const ANSWER_WINDOW = 8_192n;
/** Answers are dropped in ranges of this many sequences. */
const ANSWER_STEP = 1_024n;

const digits = (value: bigint): string => String(value).padStart(20, '0');
const answerKey = (id: RequestId, sequence: bigint): Buffer =>
  Buffer.from(`r/${id.nodeId}\u0000${digits(id.incarnation)}/${digits(sequence)}`);
const callerKey = (nodeId: string): Buffer => Buffer.from(`i/${nodeId}`);

/** The newest incarnation of a caller that this group heard of, and the least sequence whose answer is kept. */
interface Caller {
  readonly incarnation: bigint;
  readonly floor: bigint;
}

function readCaller(view: ApplyView, nodeId: string): Caller {
  const [incarnation, floor] = view.get(callerKey(nodeId))?.toString().split('/') ?? [];
  return { incarnation: BigInt(incarnation ?? 0), floor: BigInt(floor ?? 0) };
}

function writeCaller(view: ApplyView, nodeId: string, { incarnation, floor }: Caller): void {
  view.put(callerKey(nodeId), Buffer.from(`${incarnation}/${floor}`));
}

/** Drops the answers of an incarnation that ended and refuses what it sent before but what comes only now (rule F1). */
function fence(view: ApplyView, { nodeId, incarnation }: NodeIdentity): void {
  if (readCaller(view, nodeId).incarnation > incarnation) return;
  view.deleteRange(...answersOf(nodeId));
  writeCaller(view, nodeId, { incarnation: incarnation + 1n, floor: 0n });
}

const answersOf = (nodeId: string): [Buffer, Buffer] => [
  Buffer.from(`r/${nodeId}\u0000`),
  Buffer.from(`r/${nodeId}\u0001`),
];

/**
 * Adds to a machine that a request applies once (rule M2): a repeat gets the first answer, an earlier incarnation than the
 * newest is fenced. A failure changed nothing, so its repeat is tried again.
 */
export function applyingOnce(machine: GroupMachine): GroupMachine {
  return {
    keysOf: (command) => {
      const keys = machine.keysOf(command);
      const id = command.requestId;
      if (id !== undefined) keys.push(answerKey(id, id.sequence), callerKey(id.nodeId));
      if (command.command.case === 'endNodes')
        keys.push(...command.command.value.nodes.map(({ nodeId }) => callerKey(nodeId)));
      return keys;
    },
    apply: (command, index, view) => {
      if (command.command.case === 'endNodes')
        for (const node of command.command.value.nodes) fence(view, node);
      const id = command.requestId;
      if (id === undefined) return machine.apply(command, index, view);
      const caller = readCaller(view, id.nodeId);
      if (id.incarnation < caller.incarnation)
        throw new BrokerError('fenced', `incarnation ${id.incarnation} of ${id.nodeId} has ended`);
      const isNew = id.incarnation > caller.incarnation;
      const floor = isNew ? 0n : caller.floor;
      if (id.sequence < floor)
        throw new BrokerError('duplicate', 'the request is older than any kept answer');
      const known = view.get(answerKey(id, id.sequence));
      if (known !== undefined) return fromBinary(AnswerRowSchema, known).response;
      const response = machine.apply(command, index, view);
      if (!isSteps(response)) return remembered(view, id, { isNew, floor }, response);
      return thenRemembered(view, id, { isNew, floor }, response);
    },
  };
}

/** Whether an answer comes in steps. */
export function isSteps(answer: Uint8Array | Steps<Uint8Array>): answer is Steps<Uint8Array> {
  return !(answer instanceof Uint8Array);
}

/** What was known of the caller before the request. */
interface Known {
  /** The request is the first of its incarnation. */
  readonly isNew: boolean;
  readonly floor: bigint;
}

function* thenRemembered(
  view: ApplyView,
  id: RequestId,
  known: Known,
  steps: Steps<Uint8Array>,
): Steps<Uint8Array> {
  return remembered(view, id, known, yield* steps);
}

/** Keeps the answer for repeats of the request and drops the oldest. */
function remembered(
  view: ApplyView,
  id: RequestId,
  { isNew, floor }: Known,
  response: Uint8Array,
): Uint8Array {
  if (isNew) view.deleteRange(...answersOf(id.nodeId));
  const newFloor = id.sequence - ANSWER_WINDOW >= floor + ANSWER_STEP ? id.sequence - ANSWER_WINDOW : floor;
  if (newFloor > floor) view.deleteRange(answerKey(id, floor), answerKey(id, newFloor));
  if (isNew || newFloor > floor)
    writeCaller(view, id.nodeId, { incarnation: id.incarnation, floor: newFloor });
  view.put(answerKey(id, id.sequence), toBinary(AnswerRowSchema, create(AnswerRowSchema, { response })));
  return response;
}
