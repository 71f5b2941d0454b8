// What the code has: the names that pages may mention. Everything is read from where it is defined.

/** Names of the system. */
export interface Facts {
  /** Scripts of the root package.json. */
  readonly scripts: ReadonlySet<string>;
  /** Options of the scripts that take some, without dashes. */
  readonly options: ReadonlyMap<string, ReadonlySet<string>>;
  /** Paths of settings of all apps, with their sections. */
  readonly settings: ReadonlySet<string>;
  /** Configurations of a stream. */
  readonly topicConfigs: ReadonlySet<string>;
  readonly environment: ReadonlySet<string>;
  readonly ports: ReadonlySet<number>;
  readonly metrics: ReadonlySet<string>;
  /** HTTP paths of the API and of the ops port, parameters as `{name}`. */
  readonly httpPaths: ReadonlySet<string>;
  /** Whether a path from the root of the repository exists. */
  exists(path: string): boolean;
  /** Whether a word occurs in the sources. */
  occurs(word: string): boolean;
}
