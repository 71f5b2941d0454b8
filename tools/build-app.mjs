// Bundles the app in the current directory: our own packages into dist/main.js, npm packages stay external
// (native addons and instrumentation need their real modules).
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const version = manifest.version;

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  sourcemap: true,
  keepNames: false,
  define: { 'process.env.ROBUSTMQ_BUILD_VERSION': JSON.stringify(version) },
  plugins: [
    {
      name: 'npm-packages-stay-external',
      setup(b) {
        b.onResolve({ filter: /^[^./]/ }, (args) =>
          args.kind === 'entry-point' || args.path.startsWith('@robustmq/')
            ? undefined
            : { path: args.path, external: true },
        );
      },
    },
  ],
});
