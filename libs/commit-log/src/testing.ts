// What tests of other packages need: the rules of recovery, so that mutants can replace them.

export { RECOVERY_RULES } from './recovery.ts';
