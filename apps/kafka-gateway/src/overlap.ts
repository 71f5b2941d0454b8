// How requests on one connection may overlap. Answers leave in the order of the requests in any case.

/** See the file head. */
export type Overlap =
  /** Starts when every earlier request but a Fetch is done, and nothing later starts before it is: the default. */
  | 'exclusive'
  /** May overlap with others of its kind: Produce in flight; their order is kept by the journal. */
  | 'ordered'
  /** Waits for nothing but exclusive requests and others of its kind, and holds up nobody: Fetch in its long poll. */
  | 'waiting';
