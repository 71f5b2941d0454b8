// What a replicated group applies: commands in log order over a view of its rows. Pure: time and random bytes come with the
// command, rows that a command may read are fetched before.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { AnswerRowSchema, type Command, type RequestId } from '@robustmq/rpc';

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
   * Applies a command and answers the bytes of the response message.
   * @throws BrokerError with nothing changed
   */
  apply(command: Command, index: number, view: ApplyView): Uint8Array;
}

/** Answers kept per incarnation of a caller; it has far fewer requests in flight. */
const ANSWER_WINDOW = 1_024n;

const answerKey = (id: RequestId, sequence: bigint): Buffer =>
  Buffer.from(
    `r/${id.nodeId}\u0000${String(id.incarnation).padStart(20, '0')}/${String(sequence).padStart(20, '0')}`,
  );
const incarnationKey = (nodeId: string): Buffer => Buffer.from(`i/${nodeId}`);

/** Adds to a machine that a request applies once (rule M2): a repeat gets the first answer. Failures changed nothing and are tried again. */
export function applyingOnce(machine: GroupMachine): GroupMachine {
  return {
    keysOf: (command) => {
      const keys = machine.keysOf(command);
      const id = command.requestId;
      if (id !== undefined) keys.push(answerKey(id, id.sequence), incarnationKey(id.nodeId));
      return keys;
    },
    apply: (command, index, view) => {
      const id = command.requestId;
      if (id === undefined) return machine.apply(command, index, view);
      const known = view.get(answerKey(id, id.sequence));
      if (known !== undefined) return fromBinary(AnswerRowSchema, known).response;
      const seen = view.get(incarnationKey(id.nodeId));
      const newest = seen === undefined ? 0n : BigInt(seen.toString());
      if (id.incarnation < newest)
        throw new BrokerError('fenced', `incarnation ${id.incarnation} of ${id.nodeId} has ended`);
      const response = machine.apply(command, index, view);
      if (id.incarnation > newest) {
        view.deleteRange(Buffer.from(`r/${id.nodeId}\u0000`), Buffer.from(`r/${id.nodeId}\u0001`));
        view.put(incarnationKey(id.nodeId), Buffer.from(String(id.incarnation)));
      }
      const row = toBinary(AnswerRowSchema, create(AnswerRowSchema, { response }));
      view.put(answerKey(id, id.sequence), row);
      if (id.sequence > ANSWER_WINDOW) view.delete(answerKey(id, id.sequence - ANSWER_WINDOW));
      return response;
    },
  };
}
