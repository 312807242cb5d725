// Which files of a model directory hold the weights: one model.safetensors, or the shards of an index.
import { join } from 'node:path';
import { repoOfSnapshot } from '../hub/repo-cache.ts';
import { isJsonObject } from '../util/json.ts';
import { readJsonObject } from '../util/json-file.ts';
import { quoteJson } from '../util/model-file-error.ts';
import { isAbsent } from '../util/regular-file.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors.ts';

/** Weights in one file. */
export const WEIGHTS_FILE = 'model.safetensors';
/** Places of tensors in several files. */
export const WEIGHTS_INDEX = 'model.safetensors.index.json';

/**
 * Opens the weight files of `dir` into `opened`, which owns them. With both a single file and an index, the single file
 * is taken, as in transformers.
 *
 * @throws CheckpointError when there are no weights, or when index and shards disagree.
 * @throws SafetensorsError when a file can't be read.
 */
export async function openCheckpointFiles(dir: string, opened: AsyncDisposableStack): Promise<SafetensorsFile[]> {
  const weights = join(dir, WEIGHTS_FILE);
  if (!(await isAbsent(weights))) return [opened.use(await openSafetensors(weights))];
  const index = join(dir, WEIGHTS_INDEX);
  if (await isAbsent(index)) {
    const readme = join(dir, 'README.md');
    const repo = repoOfSnapshot(dir);
    const ofRepo = repo === null ? '' : `; roseinfer pull ${repo} brings them`;
    const advice = !(await isAbsent(readme)) ? `; ${readme} says how to get them` : ofRepo;
    const expected = `${WEIGHTS_FILE} or ${WEIGHTS_INDEX}${advice}`;
    throw new CheckpointError(dir, { subject: 'weights file', found: 'missing', expected });
  }

  const weightMap = await readWeightMap(index);
  const shards = new Map<string, SafetensorsFile>();
  for (const shard of new Set(weightMap.values())) {
    shards.set(shard, opened.use(await openSafetensors(join(dir, shard))));
  }
  checkShards(index, weightMap, shards);
  return [...shards.values()];
}

/** Reads an index: tensor name → shard. @throws CheckpointError for one that names no files. */
export async function readWeightMap(index: string): Promise<Map<string, string>> {
  const { weight_map: entries } = await readJsonObject(index, (problem) => new CheckpointError(index, problem));
  if (!isJsonObject(entries)) {
    const expected = 'an object of tensor names and file names';
    throw new CheckpointError(index, { subject: 'weight_map', found: quoteJson(entries), expected });
  }
  const weightMap = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(entries)) {
    if (!isBareFileName(shard)) {
      const expected = 'a file name without directories';
      throw new CheckpointError(index, { tensor, subject: 'shard', found: quoteJson(shard), expected });
    }
    weightMap.set(tensor, shard);
  }
  return weightMap;
}

function isBareFileName(value: unknown): value is string {
  return typeof value === 'string' && /^[^/\\\p{Cc}]+$/u.test(value) && value !== '.' && value !== '..';
}

/** Every tensor must be in the shard that the index names, and only there. */
function checkShards(
  index: string,
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, SafetensorsFile>,
): void {
  for (const [shard, file] of shards) {
    for (const tensor of file.tensors.keys()) {
      const listed = weightMap.get(tensor);
      if (listed === shard) continue;
      const expected = listed === undefined ? 'a tensor of weight_map' : `only in ${listed}, as weight_map says`;
      throw new CheckpointError(index, { tensor, subject: 'data', found: `in ${shard}`, expected });
    }
  }
  for (const [tensor, shard] of weightMap) {
    if (shards.get(shard)?.tensors.has(tensor)) continue;
    throw new CheckpointError(index, { tensor, subject: 'data', found: 'missing', expected: `in ${shard}` });
  }
}
