// What tests of other packages need: the plain match of one filter, which the indexes must agree with.

export { matchesFilter } from './filter-match.ts';
