// The kernels as real GPUs run them: compiles all shaders of GPT-2 124M and SmolLM2 135M for families of AMD's GPUs, without one, prints
// registers, lanes and waits for memory, and fails where a figure is worse than its limit.
// `--help` lists the flags.
import type { InferredOptionTypes } from 'yargs';
import { runScript, type Script } from '../../bench/common/script.ts';
import {
  compareMemory,
  MEMORY_FAMILY,
  type MemoryTable,
  readMemory,
  writeMemory,
} from '../../bench/estimate/memory-file.ts';
import { nameListFlag, switchFlag } from '../../src/terminal/flags.ts';
import { type DrmShim, FAMILIES, findShim, parseFamily } from './drm-shim.ts';
import { figuresOf } from './figures.ts';
import { compareLimits, type FamilyLimits, limitedFigures } from './limits.ts';
import { readLimits, writeLimits } from './limits-file.ts';
import { memoryOf } from './loops.ts';
import { formatFamily } from './report.ts';
import { type CompiledModel, runFamily } from './run-family.ts';

const flags = {
  family: { ...nameListFlag('family'), default: [...FAMILIES], describe: 'families of GPUs' },
  update: {
    ...switchFlag('update'),
    describe: "write the figures as the limits from now on, and the table of the shaders' use of memory",
  },
};
const script: Script<typeof flags> = {
  usage:
    'node test/isa/run.ts [flags]\n\nCompiles all shaders for families of GPUs, and compares registers, lanes and waits for memory with their limits.',
  flags,
};

/** Values of these flags by name. */
type IsaArgs = InferredOptionTypes<typeof flags>;

async function compileFamilies(args: IsaArgs, shim: DrmShim, signal: AbortSignal): Promise<void> {
  const limits = readLimits();
  const updated: Record<string, FamilyLimits> = { ...limits.families };
  const faults: string[] = [];
  let { driver } = limits;
  for (const family of args.family.map(parseFamily)) {
    signal.throwIfAborted();
    const model = await runFamily(shim, family);
    const figures = figuresOf(model);
    console.log(`${formatFamily(figures).join('\n')}\n`);
    const limited = limitedFigures(figures);
    faults.push(...compareLimits(family, limited, limits.families[family] ?? {}));
    updated[family] = limited;
    driver = figures.driver;
    if (family !== MEMORY_FAMILY) continue;
    const table = memoryOfModel(model);
    if (args.update) writeMemory(table);
    else faults.push(...compareMemory(table, readMemory()));
  }
  if (driver !== limits.driver) console.log(`isa: the limits are figures of ${limits.driver}, not of ${driver}`);
  if (args.update) {
    writeLimits({ driver, families: updated });
    console.log('isa: the figures are the limits from now on');
  } else if (faults.length > 0) {
    console.error([...faults, 'isa: FAILED; --update writes the figures as the limits and the table'].join('\n'));
    process.exitCode = 1;
  } else {
    console.log('isa: passed, all limits are kept');
  }
}

function memoryOfModel({ driver, compiled }: CompiledModel): MemoryTable {
  return { driver, shaders: new Map([...compiled].map(([label, { blocks }]) => [label, memoryOf(blocks)])) };
}

await runScript(script, async (args, signal) => {
  const shim = findShim();
  if (typeof shim !== 'string') await compileFamilies(args, shim, signal);
  else console.log(`isa: skipped, for ${shim}; as root on Debian 12, sh .setup/isa.sh installs it`);
});
