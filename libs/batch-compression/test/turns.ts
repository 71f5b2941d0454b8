import type { Turn } from '../src/index.ts';

/** A turn that is never spent. */
export const FREE: Turn = { isSpent: false, yield: () => Promise.resolve() };

/** A turn that is spent at every so-manieth look, as if each step took as long: its clock is the work itself. */
export class CountingTurn implements Turn {
  static readonly LOOKS = 5;
  looks = 0;
  yields = 0;

  get isSpent(): boolean {
    this.looks += 1;
    return this.looks % CountingTurn.LOOKS === 0;
  }

  yield(): Promise<void> {
    this.yields += 1;
    return Promise.resolve();
  }
}
