// What a client publishes, from PUBLISH to its last acknowledgement: what the protocol and the policy refuse of it, how
// much of it may be under way, and the order in which it is answered. What becomes of a message is left to the sink.

import {
  PACKET_TYPE,
  REASON,
  type AckType,
  type ProtocolVersion,
  type PublishView,
} from '@robustmq/mqtt-codec';
import { topicName } from '@robustmq/mqtt-topics';
import type { SessionPolicy } from '../connect/policy.ts';
import { v3BehaviourOf } from '../connect/reason-table.ts';
import { InboundTopicAliases, type AliasMemory } from '../topic-aliases.ts';
import { AckQueue, type InboundAckType, type PendingAck } from './ack-queue.ts';
import { InboundLedger } from './inbound-ledger.ts';

/** What is done for the publishes of a client. */
export interface InboundSink extends AliasMemory {
  /**
   * A message to be appended, or sent through the mesh when its topic says so. `view` is valid only during the call.
   * `pending` is null at QoS 0; otherwise `settle` it once the append is committed or has failed.
   */
  publish(topic: string, view: PublishView, pending: PendingAck | null): void;
  /** 3.x has no reason codes: there it goes without. */
  sendAck(type: AckType, packetId: number, reasonCode: number): void;
  /** As much as the policy allows waits for its outcome: read no more until `resumeReading`. */
  pauseReading(): void;
  resumeReading(): void;
}

/** {@link InboundPublishes.publish}: the connection goes on. */
export const GOES_ON = 0;

const DOLLAR = 0x24;

/** The publishes of one connection. */
export class InboundPublishes {
  /** Packets that moved nothing on: refused, or of a publish that nothing is known of. */
  idleCount = 0;
  readonly #sink: InboundSink;
  readonly #policy: SessionPolicy;
  readonly #isVersion5: boolean;
  readonly #end: (reasonCode: number) => void;
  readonly #acks: AckQueue;
  readonly #ledger = new InboundLedger();
  #aliases: InboundTopicAliases | null = null;
  #isPaused = false;

  /** `end` is called with the Reason Code of an outcome that 3.x has no acknowledgement for. */
  constructor(
    sink: InboundSink,
    policy: SessionPolicy,
    version: ProtocolVersion,
    end: (reasonCode: number) => void,
  ) {
    this.#sink = sink;
    this.#policy = policy;
    this.#isVersion5 = version === 5;
    this.#end = end;
    this.#acks = new AckQueue((type, packetId, reasonCode) => this.#acknowledge(type, packetId, reasonCode));
  }

  /** Publishes that are not complete: what counts against Receive Maximum. */
  get unacknowledgedCount(): number {
    return this.#acks.unacknowledged + this.#ledger.size;
  }

  /**
   * PUBLISH. Answers the Reason Code to end the connection with, or {@link GOES_ON}.
   * @throws BrokerError malformed or quota_exceeded, of a Topic Alias.
   */
  publish(view: PublishView): number {
    const { qos } = view;
    let { topic } = view;
    if (qos === 2) return REASON.qosNotSupported; // [MQTT-3.2.2-11]
    if (this.#isVersion5) {
      if (view.retain) return REASON.retainNotSupported; // [MQTT-3.2.2-14]
      if (view.topicAlias !== 0) topic = this.#resolve(view.topicAlias, topic);
    }
    // Well-formed, and still refused: with an acknowledgement that says so where there is one. An alias of such a topic
    // would come back without it.
    if (view.isTopicTooDeep && (qos === 0 || view.topicAlias !== 0)) return REASON.topicNameInvalid;
    let pending: PendingAck | null = null;
    if (qos === 1) {
      const { receiveMaximum } = this.#policy;
      if (this.#isVersion5 && this.unacknowledgedCount >= receiveMaximum)
        return REASON.receiveMaximumExceeded; // [MQTT-3.3.4-7]
      pending = this.#acks.add(PACKET_TYPE.puback, view.packetId);
      // 3.x knows no Receive Maximum: the bound is kept by reading no further.
      if (!this.#isVersion5 && this.#acks.size >= receiveMaximum) this.#pause();
    }
    if (view.isTopicTooDeep) this.#refuse(pending, REASON.topicNameInvalid);
    else if (topic.charCodeAt(0) === DOLLAR && topicName.isSystem(topic))
      this.#refuse(pending, REASON.notAuthorized); // rule O5
    else {
      this.#sink.publish(topic, view, pending);
      if (pending !== null && pending.reasonCode >= REASON.unspecifiedError) this.idleCount++;
    }
    return GOES_ON;
  }

  #refuse(pending: PendingAck | null, reasonCode: number): void {
    this.idleCount++;
    pending?.settle(reasonCode);
  }

  /**
   * PUBREL. One of a publish that nothing is known of, to some other server, is answered all the same, which lets the client
   * go on (section 3.7.2.1).
   */
  release(packetId: number): void {
    const isKnown = this.#ledger.release(packetId);
    if (!isKnown) this.idleCount++;
    const pending = this.#acks.add(PACKET_TYPE.pubcomp, packetId);
    pending.settle(isKnown ? REASON.success : REASON.packetIdentifierNotFound);
    // No Receive Maximum bounds these; what waits behind a publish without an outcome is bounded by us (I8).
    if (this.#acks.size >= 2 * this.#policy.receiveMaximum) this.#pause();
  }

  /** The connection is gone. */
  close(): void {
    this.#acks.close();
  }

  #resolve(alias: number, topic: string): string {
    this.#aliases ??= new InboundTopicAliases(this.#policy.topicAliasMaximum, this.#sink);
    return this.#aliases.resolve(alias, topic);
  }

  /** An acknowledgement whose turn has come. In 3.x a failure ends the connection, and the queue with it. */
  #acknowledge(type: InboundAckType, packetId: number, reasonCode: number): void {
    if (this.#isVersion5) this.#sink.sendAck(type, packetId, reasonCode);
    else if (type === PACKET_TYPE.pubcomp || v3BehaviourOf(reasonCode).publish === 'acknowledge')
      this.#sink.sendAck(type, packetId, REASON.success);
    else {
      this.#end(reasonCode);
      return;
    }
    // Half of the bound, so that reading does not stop and go with every packet.
    if (this.#isPaused && this.#acks.size <= this.#policy.receiveMaximum >> 1) {
      this.#isPaused = false;
      this.#sink.resumeReading();
    }
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#sink.pauseReading();
  }
}
