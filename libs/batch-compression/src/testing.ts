// What tests of other packages need: compressed batches, as clients make them.

export { SECTION_CODECS, deflateBatch } from './batch.ts';
