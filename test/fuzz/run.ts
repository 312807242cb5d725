// Do a request's bits depend on what else runs? Random schedules, each request compared with its solo run.
//   node test/fuzz/run.ts [--count 1000] [--llama 500] [--tales 60] [--seed 0] [--model NAME] [--base] [--reduction gpu]
import { parseArgs } from 'node:util';
import { Device } from '../../src/gpu/device.ts';
import { deviceFlags } from '../../src/terminal/flags.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { type FuzzModel, llamaModels, tales, tinyModels } from './fuzz-models.ts';
import { FuzzSession } from './fuzz-session.ts';
import { runSchedule } from './run-schedule.ts';

const { values } = parseArgs({
  options: {
    /** Schedules of the tiny models, of fixtures of the Llama family, and of tales. */
    count: { type: 'string', default: process.env.FUZZ_COUNT || '1000' },
    llama: { type: 'string', default: process.env.FUZZ_LLAMA || '500' },
    tales: { type: 'string', default: process.env.FUZZ_TALES || '60' },
    /** Seed of the first schedule; the others follow. */
    seed: { type: 'string', default: process.env.FUZZ_SEED || '0' },
    /** One model by its name. */
    model: { type: 'string' },
    /** On a device without optional features. */
    base: { type: 'boolean', default: false },
    /** In a reduction class, by default the adapter's own. */
    reduction: { type: 'string' },
  },
});

/** Most differences shown of one schedule, and most characters of each. */
const [SHOWN, SHOWN_LENGTH] = [5, 300];
const first = integer('seed', values.seed);
const shares: readonly (readonly [readonly FuzzModel[], number])[] = [
  [tinyModels, integer('count', values.count)],
  [llamaModels, integer('llama', values.llama)],
  [tales, integer('tales', values.tales)],
];
const names = shares.flatMap(([models]) => models.map(({ name }) => name));
const totals: Record<string, number> = {};
let numFailed = 0;

const reduction = values.reduction === undefined ? undefined : deviceFlags.reduction.coerce(values.reduction);
using device = await Device.open({ features: values.base ? 'base' : 'auto', reduction });
for (const [models, count] of shares) {
  const chosen = models.filter(({ name }) => values.model === undefined || values.model === name);
  for (const [index, model] of chosen.entries()) {
    await using session = await FuzzSession.open(device, model);
    for (let seed = first + index; seed < first + count; seed += chosen.length) await runOne(session, seed);
    console.log(`${model.name}: ${totals.schedules ?? 0} schedules so far, ${numFailed} with differences`);
  }
}
if (totals.schedules === undefined) throw new RangeValueError('model', values.model, `one of ${names.join(', ')}`);
console.log(totals);
process.exitCode = numFailed === 0 ? 0 : 1;

async function runOne(session: FuzzSession, seed: number): Promise<void> {
  const { differences, counts } = await runSchedule(session, seed);
  for (const [key, count] of Object.entries(counts)) totals[key] = (totals[key] ?? 0) + count;
  if (differences.length === 0) return;
  numFailed++;
  const flags = `--model ${session.model.name} --seed ${seed} --count 1 --llama 1 --tales 1 --reduction ${device.traits.reduction}`;
  console.error(`schedule ${seed}, alone again by ${flags}`);
  for (const difference of differences.slice(0, SHOWN)) console.error(`  ${difference.slice(0, SHOWN_LENGTH)}`);
}

function integer(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeValueError(name, text, 'an integer ≥ 0');
  return value;
}
