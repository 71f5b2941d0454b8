// One schema per app yields defaults, errors with a path, documentation and the Helm values schema.

import type { z } from 'zod';
import { describeConfig, jsonSchemaOf, renderHelp, type JsonSchema, type SettingRow } from './describe.ts';
import { loadConfig, type LoadOptions, type LoadedConfig } from './load.ts';
import { readFlags } from './sources.ts';
import { settingsOf, type AppSettings, type Setting } from './settings.ts';

/** An app's configuration. */
export interface ConfigDefinition<S extends z.ZodType = z.ZodType> extends AppSettings<S> {
  /**
   * Values from the YAML file (`--config` or `ROBUSTMQ_<APP>_CONFIG`) < environment < flags.
   * @throws BrokerError invalid_argument that lists every problem with its source.
   */
  load(options?: LoadOptions): LoadedConfig<z.output<S>>;
  /** Whether `--help` is among the arguments. */
  wantsHelp(argv?: readonly string[]): boolean;
  /** The text that `--help` prints. */
  help(): string;
  describe(): readonly SettingRow[];
  jsonSchema(): JsonSchema;
  /** A copy of the values in which every secret that is set reads `***`: for logs and the admin API. */
  redact(values: z.output<S>): unknown;
}

const REDACTED = '***';

function redact(settings: readonly Setting[], values: unknown): unknown {
  const copy = structuredClone(values);
  for (const setting of settings) {
    if (!setting.isSecret) continue;
    let branch = copy as Record<string, unknown> | undefined;
    for (const key of setting.keys.slice(0, -1))
      branch = branch?.[key] as Record<string, unknown> | undefined;
    const key = setting.keys.at(-1)!;
    if (branch?.[key] !== undefined && branch[key] !== '') branch[key] = REDACTED;
  }
  return copy;
}

/**
 * Defines the configuration of `app` (such as `mqtt-gateway`). The schema is a strict object of settings and sections;
 * every setting has a default or is required, and a description.
 */
export function defineConfig<S extends z.ZodType>(app: string, schema: S): ConfigDefinition<S> {
  const settings = settingsOf(app, schema);
  const definition: ConfigDefinition<S> = {
    app,
    schema,
    settings,
    load: (options = {}) => loadConfig(definition, options),
    wantsHelp: (argv = process.argv.slice(2)) => readFlags(settings, argv, []).wantsHelp,
    help: () => renderHelp(definition),
    describe: () => describeConfig(definition),
    jsonSchema: () => jsonSchemaOf(schema),
    redact: (values) => redact(settings, values),
  };
  return definition;
}
