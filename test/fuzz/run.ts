// Do a request's bits depend on what else runs? Random schedules, each request compared with its solo run. `--help` lists
// the flags.
import type { InferredOptionTypes } from 'yargs';
import { runScript, type Script } from '../../bench/common/script.ts';
import { Device } from '../../src/gpu/device.ts';
import { choiceFlag, deviceFlags, deviceOptions, integerFlag, seedFlag, switchFlag } from '../../src/terminal/flags.ts';
import { llamaModels, tales, tinyModels } from './fuzz-models.ts';
import { FuzzSession } from './fuzz-session.ts';
import { runSchedule } from './run-schedule.ts';

const names = [...tinyModels, ...llamaModels, ...tales].map(({ name }) => name);
const flags = {
  count: { ...integerFlag('count', 0), default: 1000, describe: 'schedules of tiny models of the GPT-2 family' },
  llama: { ...integerFlag('llama', 0), default: 500, describe: 'schedules of tiny models of the Llama family' },
  tales: { ...integerFlag('tales', 0), default: 60, describe: 'schedules of weights/tales' },
  seed: { ...seedFlag('seed'), default: 0, describe: 'seed of the first schedule; the others follow' },
  model: { ...choiceFlag('model', names), describe: `one model alone: ${names.join(', ')}` },
  base: { ...switchFlag('base'), describe: 'on a device without optional features' },
  ...deviceFlags,
};
const script: Script<typeof flags> = {
  usage:
    'node test/fuzz/run.ts [flags]\n\nRuns random schedules, and compares the bits of each request with those of its run alone.',
  flags,
};

/** Most differences shown of one schedule, and most characters of each. */
const [SHOWN, SHOWN_LENGTH] = [5, 300];

async function fuzz(args: InferredOptionTypes<typeof flags>, signal: AbortSignal): Promise<void> {
  const totals: Record<string, number> = {};
  let numFailed = 0;
  const shares = [
    [tinyModels, args.count],
    [llamaModels, args.llama],
    [tales, args.tales],
  ] as const;
  using device = await Device.open({ features: args.base ? 'base' : 'auto', ...deviceOptions(args) });
  for (const [models, count] of shares) {
    const chosen = models.filter(({ name }) => args.model === undefined || args.model === name);
    for (const [index, model] of chosen.entries()) {
      await using session = await FuzzSession.open(device, model);
      for (let seed = args.seed + index; seed < args.seed + count; seed += chosen.length) {
        signal.throwIfAborted();
        const { differences, counts } = await runSchedule(session, seed);
        for (const [key, value] of Object.entries(counts)) totals[key] = (totals[key] ?? 0) + value;
        if (differences.length === 0) continue;
        numFailed++;
        const { reduction } = device.traits;
        console.error(
          `schedule ${seed}, alone again by --model ${model.name} --seed ${seed} --count 1 --llama 1 --tales 1 --reduction ${reduction}`,
        );
        for (const difference of differences.slice(0, SHOWN)) console.error(`  ${difference.slice(0, SHOWN_LENGTH)}`);
      }
      console.log(`${model.name}: ${totals.schedules ?? 0} schedules so far, ${numFailed} with differences`);
    }
  }
  console.log(totals);
  if (numFailed > 0) process.exitCode = 1;
}

await runScript(script, fuzz);
