// What is measured: a broker that can be started fresh, and which processes it is made of.

/** One run of a broker with an empty data folder. */
export interface RunningSystem {
  readonly host: string;
  readonly mqttPort?: number;
  readonly kafkaPort?: number;
  /** All processes whose CPU and memory count. */
  readonly pids: readonly number[];
  /** The processes that hold client connections: memory per connection is measured there. */
  readonly connectionPids: readonly number[];
  stop(): Promise<void>;
}

/** A broker that scenarios can be run against. */
export interface System {
  readonly name: string;
  /** What it is, for the report: version and the settings that matter. */
  readonly description: string;
  readonly speaks: readonly ('mqtt' | 'kafka')[];
  /** Starts it with an empty data folder below `scratchDir` and waits until it serves. */
  start(scratchDir: string): Promise<RunningSystem>;
}
