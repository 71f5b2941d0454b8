// The closed list of operating errors. Gateways map a code to their protocol's own at the edge, in one total
// table each; nothing else crosses a package boundary as an error.

export { assert } from './assert.ts';
export { BrokerError } from './broker-error.ts';
export { isErrorCode, type ErrorCode } from './error-code.ts';
