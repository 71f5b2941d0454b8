// What became of publishes, for operators.

/** Plain integers that instruments read. */
export interface PublishCounters {
  receivedQos0: number;
  receivedQos1: number;
  receivedBytes: number;
  appended: number;
  appendFailed: number;
  /** QoS 0 publishes to other streams than `mqtt` that could not be appended. */
  lostQos0: number;
}

/** Counters at zero. */
export function newPublishCounters(): PublishCounters {
  return {
    receivedQos0: 0,
    receivedQos1: 0,
    receivedBytes: 0,
    appended: 0,
    appendFailed: 0,
    lostQos0: 0,
  };
}
