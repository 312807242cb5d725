// Do the tests bite? Plants one fault after another in the shaders and runs the kernels' tables against each. `--help` lists
// the flags.
import type { InferredOptionTypes } from 'yargs';
import { runScript, type Script } from '../../bench/common/script.ts';
import type { ReductionClass } from '../../src/gpu/reduction.ts';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import { choiceFlag, deviceFlags, integerFlag, seedFlag } from '../../src/terminal/flags.ts';
import { type MutantText, mutantTexts } from '../../src/testing/index.ts';
import { JudgeProcess } from './judge-process.ts';
import { type Judged, report } from './report.ts';
import { tablesOf } from './tables.ts';

const PROCESSES = 2;
/** Share of the mutants not known to be equivalent that may survive; of a sample too small to have so small a share, one. */
const MISSED_SHARE = 0.05;

const flags = {
  seed: { ...seedFlag('seed'), default: 1, describe: 'seed of the draw of mutants' },
  count: { ...integerFlag('count', 1), default: 200, describe: 'mutants that compile' },
  shader: { ...choiceFlag('shader', Object.keys(shaderSources())), describe: 'one shader alone, without its ending' },
  reduction: deviceFlags.reduction,
};
const script: Script<typeof flags> = {
  usage:
    "node test/mutants/run.ts [flags]\n\nPlants faults in the shaders, and tells which of them the kernels' tables find.",
  flags,
};

/** Faults to plant, and the device that judges them. */
interface Draw {
  readonly queue: Iterator<MutantText>;
  readonly count: number;
  readonly reduction: ReductionClass | undefined;
  readonly signal: AbortSignal;
}

const compiled = (judged: readonly Judged[]) => judged.filter(({ verdict }) => verdict.state !== 'invalid').length;

/** Judges mutants until enough have compiled. */
async function judgeAll({ queue, count, reduction, signal }: Draw, judged: Judged[]): Promise<void> {
  using judge = new JudgeProcess(reduction);
  signal.addEventListener('abort', () => judge.close());
  while (compiled(judged) < count) {
    signal.throwIfAborted();
    const { value: mutant, done } = queue.next();
    if (done) return;
    const verdict = await judge.judge(mutant.file, mutant.source);
    judged.push({ mutant, verdict });
    console.log(`${mutant.file}:${mutant.line} ${mutant.operator}: ${verdict.state} ${verdict.reason}`);
  }
}

/** Finds the shaders that fail their own tables without a fault. */
async function flaggedClean(
  sources: readonly (readonly [string, string])[],
  reduction: ReductionClass | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  using judge = new JudgeProcess(reduction);
  signal.addEventListener('abort', () => judge.close());
  const flagged: string[] = [];
  for (const [shader, source] of sources) {
    signal.throwIfAborted();
    const { state, reason } = await judge.judge(shader, source);
    if (state !== 'survived') flagged.push(`clean shaders/${shader}.wgsl is flagged: ${reason}`);
  }
  return flagged;
}

async function plantFaults(args: InferredOptionTypes<typeof flags>, signal: AbortSignal): Promise<void> {
  const { seed, count, reduction } = args;
  const wanted = Object.entries(shaderSources()).filter(([name]) => name === (args.shader ?? name));
  const sources = wanted.filter(([name]) => tablesOf(name).length > 0);
  const untested = wanted.map(([name]) => name).filter((name) => tablesOf(name).length === 0);
  const mutants = mutantTexts(Object.fromEntries(sources), { seed });
  console.log(`seed ${seed}: ${count} of ${mutants.length} mutants of ${sources.length} shaders`);
  if (untested.length > 0) console.log(`in no table: ${untested.join(', ')}`);

  const flagged = await flaggedClean(sources, reduction, signal);
  signal.throwIfAborted();
  if (flagged.length > 0) {
    console.error(flagged.join('\n'));
    process.exitCode = 1;
    return;
  }
  console.log('no clean shader is flagged');
  const judged: Judged[] = [];
  const draw = { queue: mutants.values(), count, reduction, signal };
  await Promise.all(Array.from({ length: PROCESSES }, () => judgeAll(draw, judged)));
  const { lines, missed, killable } = report(judged);
  console.log(lines.join('\n'));
  if (missed > Math.max(MISSED_SHARE * killable, 1)) process.exitCode = 1;
}

await runScript(script, plantFaults);
