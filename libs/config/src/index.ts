// Configuration of the apps: one schema each, from file, environment and flags.

export { z } from 'zod';
export { byteSize, duration, port, secret, section } from './kinds.ts';
export { clusterSettings, internalHost } from './internal-calls.ts';
export { defineConfig, type ConfigDefinition } from './define.ts';
export { renderConfigTable, renderHelp } from './describe.ts';
