// What tests of other packages need: every code there is.

export { ERROR_CODES } from './error-code.ts';
