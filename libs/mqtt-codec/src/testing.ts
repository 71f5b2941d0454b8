// What tests of other packages need: the reason codes that each packet may carry.

export { PUBACK_REASONS, SERVER_DISCONNECT_REASONS, SUBACK_REASONS } from './reason-code.ts';
