// Configuration of the apps: one schema each, from file, environment and flags.

export { z } from 'zod';
export { section, setting } from './kinds.ts';
export { clusterSettings } from './internal-calls.ts';
export { defineConfig, type ConfigDefinition } from './define.ts';
