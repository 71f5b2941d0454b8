// Configuration of the apps: one schema each, from file, environment and flags.

export { z } from 'zod';
export { byteSize, duration, port, secret, section, type Limits } from './kinds.ts';
export { clusterSettings, internalHost } from './internal-calls.ts';
export { defineConfig, type ConfigDefinition } from './define.ts';
export type { LoadOptions, LoadedConfig } from './load.ts';
export { renderConfigTable, renderHelp, type JsonSchema, type SettingRow } from './describe.ts';
export type { Setting } from './settings.ts';
