// Which producer ids are gateways' own, so that their records' `mqtt` headers count (rule O7). Ranges are never given
// twice, so one that was seen once holds for ever; records may be older than the rows of the nodes that wrote them.

import type { NodeView } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';

/** Ranges of producer ids of mqtt-gateways. */
export class ProducerRanges {
  #bases: number[] = [];
  #ends: number[] = [];
  #last = -1;

  /** Takes a node's range in. */
  add(node: NodeView): void {
    if (node.kind !== ServiceKind.MQTT_GATEWAY || node.producerIdCount === 0) return;
    if (this.#bases.includes(node.producerIdBase)) return;
    this.#bases.push(node.producerIdBase);
    this.#ends.push(node.producerIdBase + node.producerIdCount);
  }

  /** Whether a batch of this producer id is of a gateway. */
  has(producerId: number): boolean {
    if (producerId < 0) return false;
    const last = this.#last;
    if (last >= 0 && producerId >= this.#bases[last]! && producerId < this.#ends[last]!) return true;
    for (let index = 0; index < this.#bases.length; index++) {
      if (producerId >= this.#bases[index]! && producerId < this.#ends[index]!) {
        this.#last = index;
        return true;
      }
    }
    return false;
  }
}
