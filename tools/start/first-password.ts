// What `npm start` says of the password that meta-service makes for `admin` at its first start.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Made before anything starts: only then can be told whether this start has made the password. */
export class FirstPassword {
  readonly #file: string;
  readonly #isOld: boolean;

  /** @param dataDir the folder of meta-service, which keeps the file until someone removes it. */
  constructor(dataDir: string) {
    this.#file = path.join(dataDir, 'initial-admin-password');
    this.#isOld = existsSync(this.#file);
  }

  /** The password itself only when it is new: an old one may have been changed since, and a terminal is no place to keep it. */
  line(): string {
    if (!existsSync(this.#file)) return 'the password is the one you have set';
    if (this.#isOld)
      return `the password is the one you have set, or else the first one, kept in ${this.#file}; change it and delete the file`;
    return `first password ${readFileSync(this.#file, 'utf8').trim()}   (kept in ${this.#file}; change it and delete the file)`;
  }
}
