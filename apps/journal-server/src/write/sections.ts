// Kinds of commit-log sections that a journal-server writes (docs/en/formats/commit-log.md). The key of a section is the
// stream id, its sub-key the shard.

/** Record batches end to end, with their final offsets and leader epochs. */
export const SECTION_RECORDS = 1;
/** Int64 offset: the log was cut to end there (rule R4). */
export const SECTION_TRUNCATION = 2;
/** Int64 offset: consumers see nothing below it any more. */
export const SECTION_LOG_START = 3;
