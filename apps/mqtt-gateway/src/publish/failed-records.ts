// Records of a batch that was not appended, taken out of it again.

import { HeaderCursor, type RecordCursor, type RecordHeader } from '@robustmq/record-batch';

const headers = new HeaderCursor();

/** The headers of a record, in order. */
export function headersOf(record: RecordCursor): RecordHeader[] {
  const found: RecordHeader[] = [];
  headers.reset(record);
  while (headers.next()) found.push([headers.name, headers.value]);
  return found;
}
