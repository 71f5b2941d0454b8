// Rows while a batch of commands is applied, collected into one atomic write.
import { assert } from '@robustmq/errors';
import type { KeyValueBatch } from '@robustmq/kv-store';
import type { ApplyView } from '../group-machine.ts';
import { KeysByPrefix } from './keys-by-prefix.ts';

/** An {@link ApplyView} over fetched rows. Changes go to the batch as they happen and shadow what was fetched. */
export class OverlayView implements ApplyView {
  readonly #rows = new Map<string, Buffer | undefined>();
  readonly #keys = new KeysByPrefix();
  readonly #batch: KeyValueBatch;
  readonly #family: string;

  constructor(batch: KeyValueBatch, family: string) {
    this.#batch = batch;
    this.#family = family;
  }

  /** A row as stored before the batch. */
  fetched(key: Buffer, value: Buffer | undefined): void {
    this.#set(name(key), value);
  }

  get(key: Buffer): Buffer | undefined {
    const known = name(key);
    assert(this.#rows.has(known), `row ${known} was not fetched`);
    return this.#rows.get(known);
  }

  put(key: Buffer, value: Uint8Array): void {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#set(name(key), bytes);
    this.#batch.put(this.#family, key, bytes);
  }

  delete(key: Buffer): void {
    this.#set(name(key), undefined);
    this.#batch.delete(this.#family, key);
  }

  deleteRange(from: Buffer, until: Buffer): void {
    const first = name(from);
    const end = name(until);
    for (const key of this.#keys.around(first, end) ?? this.#rows.keys())
      if (key >= first && key < end) this.#rows.set(key, undefined);
    this.#batch.deleteRange(this.#family, from, until);
  }

  #set(key: string, value: Buffer | undefined): void {
    if (!this.#rows.has(key)) this.#keys.add(key);
    this.#rows.set(key, value);
  }
}

/** Byte order is kept: latin1 maps each byte to one character. */
function name(key: Buffer): string {
  return key.toString('latin1');
}
