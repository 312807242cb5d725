// Writes shaders/*.wgsl into a module, so that a program reads no files to have them: in a browser there are none.
//   node .setup/shader-texts.mjs [--check]   --check only compares, and exits 1 where the module is out of step
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const module = new URL('src/gpu/shader-texts.generated.ts', root);
const shaders = new URL('shaders/', root);

const quoted = (text) => `\`${text.replaceAll(/[\\`]|\$\{/g, '\\$&')}\``;

const files = readdirSync(shaders)
  .filter((name) => name.endsWith('.wgsl'))
  .sort();
const entries = files.map(
  (name) => `  ${name.slice(0, -5)}: ${quoted(readFileSync(new URL(name, shaders), 'utf8'))},\n`,
);
const text = `// Generated from shaders/*.wgsl by \`npm run build:shaders\`: change those.

/** Text of every file in \`shaders/\`, by file name without extension. */
export const SHADER_TEXTS: Readonly<Record<string, string>> = {
${entries.join('')}};
`;

const known = existsSync(module) ? readFileSync(module, 'utf8') : '';
if (process.argv[2] === '--check') {
  if (known !== text) {
    const changed = files.filter((_, i) => !known.includes(entries[i]));
    const what = changed.length > 0 ? `shaders/${changed.join(', shaders/')}` : 'a file that is gone';
    console.error(`src/gpu/shader-texts.generated.ts is out of step with ${what}: run npm run build:shaders`);
    process.exitCode = 1;
  }
} else if (known !== text) {
  writeFileSync(module, text);
}
