// What tests of other packages need: batches as a gateway makes them, and those that nobody should.

export { type FinishOptions } from './builder.ts';
export { sizeOfMqttFacts, writeMqttFacts } from './mqtt-facts.ts';
export { validateRecords } from './validate.ts';
