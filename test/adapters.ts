// The shader tests on every software adapter that this machine has: lavapipe with subgroups of 4, 8 and 16, and SwiftShader.
// Prints which were run and which were left out, and why; exits 1 when a test fails or no adapter was found.
//   node test/adapters.ts
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lavapipeSettings } from '../src/testing/lavapipe.ts';

/** Tests that the adapter may change: the GPU layer, the kernels and a small model. */
const TESTS = ['test/gpu', 'test/kernels', 'test/models/gpt2/gpt2.test.ts', 'test/runtime/bit-equality.test.ts'];

interface AdapterRun {
  readonly name: string;
  /** Paths of the driver's manifest in packages; the first that exists is taken. */
  readonly manifests: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const LAVAPIPE = ['lvp_icd.json', 'lvp_icd.x86_64.json', 'lvp_icd.aarch64.json'].map(
  (file) => `/usr/share/vulkan/icd.d/${file}`,
);
const SWIFTSHADER = ['/usr/lib/chromium', '/usr/lib64/chromium-browser', '/opt/google/chrome'].map(
  (folder) => `${folder}/vk_swiftshader_icd.json`,
);
const RUNS: readonly AdapterRun[] = [
  ...[128, 256, 512].map((bits) => ({
    name: `lavapipe, vectors of ${bits} bits (subgroups of ${bits / 32})`,
    manifests: LAVAPIPE,
    env: lavapipeSettings(bits / 32),
  })),
  { name: 'SwiftShader (subgroups of 4, no f16)', manifests: SWIFTSHADER, env: {} },
];

const lines = RUNS.map(({ name, manifests, env }) => {
  const manifest = manifests.find(existsSync);
  if (manifest === undefined) return { name, outcome: `skipped: none of ${manifests.join(', ')} is there` };
  console.log(`\n${name}: ${manifest}`);
  const start = performance.now();
  const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...TESTS], {
    env: { ...process.env, ...env, VK_DRIVER_FILES: manifest },
    stdio: 'inherit',
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  return { name, outcome: `${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s` };
});

console.log('');
for (const { name, outcome } of lines) console.log(`${name}: ${outcome}`);
const failed = lines.some(({ outcome }) => outcome.startsWith('FAILED'));
const anyRun = lines.some(({ outcome }) => !outcome.startsWith('skipped'));
process.exitCode = failed || !anyRun ? 1 : 0;
