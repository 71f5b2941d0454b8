// Changes of one entry of a batch, held back until all of it has been judged: one that is refused half-way changes nothing.
import type { ApplyView } from '../group-machine.ts';

/** Reads see what was staged. */
export class StagedRows {
  readonly #view: ApplyView;
  /** By the key's bytes; undefined: deleted. */
  readonly #rows = new Map<string, { readonly key: Buffer; readonly value: Uint8Array | undefined }>();

  constructor(view: ApplyView) {
    this.#view = view;
  }

  get(key: Buffer): Uint8Array | undefined {
    const staged = this.#rows.get(key.toString('latin1'));
    return staged === undefined ? this.#view.get(key) : staged.value;
  }

  has(key: Buffer): boolean {
    return this.get(key) !== undefined;
  }

  /** Answers by how many rows there are more now. */
  put(key: Buffer, value: Uint8Array): 0 | 1 {
    const isNew = !this.has(key);
    this.#rows.set(key.toString('latin1'), { key, value });
    return isNew ? 1 : 0;
  }

  /** Answers how many rows went. */
  delete(key: Buffer): 0 | 1 {
    if (!this.has(key)) return 0;
    this.#rows.set(key.toString('latin1'), { key, value: undefined });
    return 1;
  }

  /** Makes the changes. */
  write(): void {
    for (const { key, value } of this.#rows.values()) {
      if (value === undefined) this.#view.delete(key);
      else this.#view.put(key, value);
    }
  }
}
