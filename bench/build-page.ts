// Builds the page that examines a visitor's GPU: static files, for any server or a disk.
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { nameFlag } from '../src/terminal/flags.ts';
import { runScript } from './common/script.ts';

const flags = {
  out: { ...nameFlag('out'), default: 'dist-page', describe: 'directory of its files' },
};
const usage = "node bench/build-page.ts [flags]\n\nBuilds the page that examines a visitor's GPU.";

await runScript({ usage, flags }, async ({ out }) => {
  const source = join(import.meta.dirname, 'page');
  await mkdir(out, { recursive: true });
  await build({
    entryPoints: [join(source, 'page.ts')],
    outfile: join(out, 'page.js'),
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'error',
  });
  for (const file of ['index.html', 'page.css']) await cp(join(source, file), join(out, file));
  console.log(`page: ${join(out, 'index.html')}`);
});
