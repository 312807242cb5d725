// `roseinfer models`: the models that are on this machine, the bundled one and those in the cache of the hub, and whether each runs.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { InferredOptionTypes } from 'yargs';
import { Device } from '../gpu/device.ts';
import { readHubSettings } from '../hub/hub-settings.ts';
import { type CachedRevision, listCache } from '../hub/list-cache.ts';
import { DEFAULT_REVISION } from '../hub/repo-name.ts';
import { BUNDLED_MODEL } from '../models/bundled-model.ts';
import type { ModelConfig } from '../models/config.ts';
import { formatBytes } from '../runtime/memory-plan.ts';
import { deviceFlags, deviceOptions, quietFlag, switchFlag } from '../terminal/flags.ts';
import { type JudgedModel, judgeModel } from '../terminal/judge-model.ts';
import { modelName } from '../terminal/open-model.ts';
import { StatusLine } from '../terminal/status-line.ts';
import { RoseinferError } from '../util/errors.ts';
import { defineCommand } from './command.ts';

/** The flags of `roseinfer models`. */
const modelsFlags = {
  json: { ...switchFlag('json'), describe: 'print one JSON object instead of a table' },
  ...deviceFlags,
  ...quietFlag,
};

/** Values of the flags of `roseinfer models`. */
type ModelsArgs = InferredOptionTypes<typeof modelsFlags>;

/** Model on this machine, by the name that other commands know it by. */
interface PresentModel {
  readonly name: string;
  readonly commit: string | null;
  readonly path: string;
  readonly bytes: number;
}

/**
 * Prints the models that are here.
 *
 * @throws HubCacheError for a cache that can't be read.
 */
async function models(args: ModelsArgs, signal: AbortSignal): Promise<void> {
  const { cache } = await readHubSettings();
  const present = [await bundledModel(), ...(await listCache(cache)).flatMap(modelsOf)];
  using status = StatusLine.of(args);
  status.show('looking for an adapter');
  const device = await openDevice(args);
  using _ = device instanceof RoseinferError ? null : device;
  const judged: (PresentModel & JudgedModel)[] = [];
  for (const model of present) {
    signal.throwIfAborted();
    status.show(`reading ${model.name}`, judged.length / present.length);
    judged.push({ ...model, ...(await judgeModel(model.path, device)) });
  }
  status.clear();
  if (args.json) console.log(JSON.stringify({ schema: 'roseinfer-models-1', cache, models: judged }));
  else console.log(formatTable(judged));
}

async function openDevice(args: ModelsArgs): Promise<Device | RoseinferError> {
  try {
    return await Device.open(deviceOptions(args));
  } catch (error) {
    if (error instanceof RoseinferError) return error;
    throw error;
  }
}

async function bundledModel(): Promise<PresentModel> {
  let bytes = 0;
  for (const file of await readdir(BUNDLED_MODEL)) bytes += (await stat(join(BUNDLED_MODEL, file))).size;
  return { name: modelName(undefined), commit: null, path: BUNDLED_MODEL, bytes };
}

const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/;

/** Lists the models of a revision: that of its configuration, and each of its GGUF files unless it is all that there is. */
function modelsOf({ repo, revision, commit, path, files, bytes }: CachedRevision): PresentModel[] {
  const name = revision === DEFAULT_REVISION ? repo : `${repo}@${revision}`;
  const ggufs = files.filter((file) => file.endsWith('.gguf') && !LATER_PART.test(file));
  const hasConfig = files.includes('config.json');
  const whole = { name, commit, path, bytes };
  if (!hasConfig && ggufs.length <= 1) return [whole];
  const others = ggufs.map((file) => ({ name: `${name}/${file}`, commit, path: join(path, file), bytes }));
  return hasConfig ? [whole, ...others] : others;
}

/** Formats a row for each model; a fault has a line of its own, for it may be long. */
function formatTable(rows: readonly (PresentModel & JudgedModel)[]): string {
  const cells = rows.map(({ name, bytes, config, dtype, memory, fault }) => [
    name,
    formatBytes(bytes),
    config === null ? '-' : formatShape(config),
    dtype ?? '-',
    fault === null && memory !== null ? `yes, in ${formatBytes(memory)}` : 'no',
  ]);
  const table = [['model', 'files', 'shape', 'weights', 'runs here'], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const faults = ['', ...rows.map(({ fault }) => (fault === null ? '' : `\n  ${fault}`))];
  return lines.map((line, row) => line + faults[row]).join('\n');
}

/** Writes sizes under the letters of the documents. */
function formatShape({ numLayers, numHeads, numKVHeads, headDim, hiddenSize, vocabSize, numPositions }: ModelConfig) {
  const heads = numHeads === numKVHeads ? `H ${numHeads}` : `H ${numHeads}, G ${numKVHeads}`;
  return `L ${numLayers}, ${heads}, D ${headDim}, C ${hiddenSize}, V ${vocabSize}, context ${numPositions}`;
}

/** The command `roseinfer models`. */
export const modelsCommand = defineCommand({
  flags: modelsFlags,
  examples: [
    ['roseinfer models', 'what is there, and whether it runs here'],
    ['roseinfer models --json', 'the same for programs'],
  ],
  run: models,
});
