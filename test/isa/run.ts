// The kernels as real GPUs run them: compiles all shaders of GPT-2 124M and SmolLM2 135M for families of AMD's GPUs, without one, prints
// registers, lanes and waits for memory, and fails where a figure is worse than its limit.
//   node test/isa/run.ts [--family NAME]… [--update]
import { parseArgs } from 'node:util';
import {
  compareMemory,
  MEMORY_FAMILY,
  type MemoryTable,
  readMemory,
  writeMemory,
} from '../../bench/estimate/memory-file.ts';
import { runCommand } from '../../src/terminal/run-command.ts';
import { type DrmShim, FAMILIES, findShim, parseFamily } from './drm-shim.ts';
import { figuresOf } from './figures.ts';
import { compareLimits, type FamilyLimits, limitedFigures } from './limits.ts';
import { readLimits, writeLimits } from './limits-file.ts';
import { memoryOf } from './loops.ts';
import { formatFamily } from './report.ts';
import { type CompiledModel, runFamily } from './run-family.ts';

const { values } = parseArgs({
  options: {
    /** Some of the families, by default all. */
    family: { type: 'string', multiple: true, default: [...FAMILIES] },
    /** Write the figures as the limits from now on, and the table of the shaders' use of memory. */
    update: { type: 'boolean', default: false },
  },
});

async function compileFamilies(shim: DrmShim, signal: AbortSignal): Promise<void> {
  const limits = readLimits();
  const updated: Record<string, FamilyLimits> = { ...limits.families };
  const faults: string[] = [];
  let { driver } = limits;
  for (const family of values.family.map(parseFamily)) {
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
    if (values.update) writeMemory(table);
    else faults.push(...compareMemory(table, readMemory()));
  }
  if (driver !== limits.driver) console.log(`isa: the limits are figures of ${limits.driver}, not of ${driver}`);
  if (values.update) {
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

await runCommand(async (signal) => {
  const shim = findShim();
  if (typeof shim !== 'string') await compileFamilies(shim, signal);
  else console.log(`isa: skipped, for ${shim}; as root on Debian 12, sh .setup/isa.sh installs it`);
});
