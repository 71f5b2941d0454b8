// What tests of other packages need: users as they are stored.

export { hashPassword } from './password.ts';
