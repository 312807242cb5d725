// Do the tests bite? Plants one fault after another in the shaders and runs the kernels' tables against each.
//   node test/mutants/run.ts [--seed 1] [--count 200] [--shader NAME] [--reduction gpu]
import { parseArgs } from 'node:util';
import { shaderSources } from '../../src/gpu/shader-sources.ts';
import { deviceFlags } from '../../src/terminal/flags.ts';
import { type MutantText, mutantTexts } from '../../src/testing/index.ts';
import { JudgeProcess } from './judge-process.ts';
import { type Judged, report } from './report.ts';
import { tablesOf } from './tables.ts';

const PROCESSES = 2;
/** Share of the mutants not known to be equivalent that may survive; of a sample too small to have so small a share, one. */
const MISSED_SHARE = 0.05;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '200' },
    shader: { type: 'string' },
    reduction: { type: 'string' },
  },
});
const reduction = values.reduction === undefined ? undefined : deviceFlags.reduction.coerce(values.reduction);
const [seed, count] = [Number(values.seed), Number(values.count)];
const wanted = Object.entries(shaderSources()).filter(([name]) => name === (values.shader ?? name));
const sources = wanted.filter(([name]) => tablesOf(name).length > 0);
const untested = wanted.map(([name]) => name).filter((name) => tablesOf(name).length === 0);
const mutants = mutantTexts(Object.fromEntries(sources), { seed });
console.log(`seed ${seed}: ${count} of ${mutants.length} mutants of ${sources.length} shaders`);
if (untested.length > 0) console.log(`in no table: ${untested.join(', ')}`);

const compiled = (judged: readonly Judged[]) => judged.filter(({ verdict }) => verdict.state !== 'invalid').length;

/** Judges mutants until enough have compiled. */
async function judgeAll(queue: Iterator<MutantText>, judged: Judged[]): Promise<void> {
  using judge = new JudgeProcess(reduction);
  while (compiled(judged) < count) {
    const { value: mutant, done } = queue.next();
    if (done) return;
    const verdict = await judge.judge(mutant.file, mutant.source);
    judged.push({ mutant, verdict });
    console.log(`${mutant.file}:${mutant.line} ${mutant.operator}: ${verdict.state} ${verdict.reason}`);
  }
}

/** Finds the shaders that fail their own tables without a fault. */
async function flaggedClean(): Promise<string[]> {
  using judge = new JudgeProcess(reduction);
  const flagged: string[] = [];
  for (const [shader, source] of sources) {
    const { state, reason } = await judge.judge(shader, source);
    if (state !== 'survived') flagged.push(`clean shaders/${shader}.wgsl is flagged: ${reason}`);
  }
  return flagged;
}

const flagged = await flaggedClean();
if (flagged.length > 0) {
  console.error(flagged.join('\n'));
  process.exitCode = 1;
} else {
  console.log('no clean shader is flagged');
  const judged: Judged[] = [];
  const queue = mutants.values();
  await Promise.all(Array.from({ length: PROCESSES }, () => judgeAll(queue, judged)));
  const { lines, missed, killable } = report(judged);
  console.log(lines.join('\n'));
  if (missed > Math.max(MISSED_SHARE * killable, 1)) process.exitCode = 1;
}
