// The registry of architectures. `model_type` of a config.json picks one; a file without it is of the first, as the
// oldest have none.
import { join } from 'node:path';
import { findGGUF } from '../formats/gguf/find-gguf.ts';
import { GGUFCutError, GGUFError } from '../formats/gguf/gguf-error.ts';
import type { GGUFHead } from '../formats/gguf/gguf-file.ts';
import { type GGUFFiles, openGGUFFiles, openGGUFHead } from '../formats/gguf/gguf-files.ts';
import type { Metadata } from '../formats/gguf/metadata.ts';
import { count } from '../util/count.ts';
import { RangeValueError } from '../util/errors.ts';
import { readJsonObject } from '../util/json-file.ts';
import { quoteJson } from '../util/model-file-error.ts';
import { quote, quoteSome } from '../util/quote.ts';
import { checkDirectory } from '../util/regular-file.ts';
import type { Architecture, ModelDefinition } from './architecture.ts';
import { ConfigError, readConfig } from './config.ts';
import { CONFIG_FILE } from './file-names.ts';
import { type GGUFCheckpoint, openGGUFCheckpoint } from './gguf-checkpoint.ts';
import { gpt2 } from './gpt2/gpt2.ts';
import { llama } from './llama/llama.ts';
import { locateModel, pullAdvice } from './locate-model.ts';

/** Beginning of the name of a model with random weights. */
const RANDOM = 'random:';

const ARCHITECTURE_KEY = 'general.architecture';

/** Every architecture, the first for files without a `model_type`. */
const ARCHITECTURES: readonly Architecture[] = [gpt2, llama];

/**
 * Reads `config.json` of a model directory.
 *
 * @throws ConfigError when the directory or the file is missing or not a supported configuration.
 */
export async function readModel(dir: string, architectures?: readonly Architecture[]): Promise<ModelDefinition> {
  const places = ['a directory with config.json and model.safetensors', 'a file that ends in .gguf'];
  const advice = await pullAdvice(dir);
  const expected = advice === null ? places.join(', or ') : [...places, `or ${advice}`].join(', ');
  await checkDirectory(dir, expected, ({ found, cause }) => {
    return new ConfigError(dir, { subject: 'model directory', found, expected, cause });
  });
  const path = join(dir, CONFIG_FILE);
  return parseModel(await readJsonObject(path, (problem) => new ConfigError(path, problem)), path, architectures);
}

/** Writes the notice of keys that are ignored in config.json of a directory: a line, or none. */
export function configNotices(dir: string, model: ModelDefinition): string[] {
  return keyNotices(join(dir, CONFIG_FILE), model);
}

function keyNotices(path: string, { config: { ignoredKeys } }: ModelDefinition): string[] {
  if (ignoredKeys.length === 0) return [];
  const are = ignoredKeys.length === 1 ? 'is' : 'are';
  return [`${path}: ${count(ignoredKeys.length, 'key')} ${are} not understood and ignored: ${quoteSome(ignoredKeys)}`];
}

/**
 * Defines a model by a parsed config.json; `source` names it in errors.
 *
 * @throws ConfigError naming the key, its value and what was expected.
 */
export function parseModel(
  json: unknown,
  source: string,
  architectures: readonly Architecture[] = ARCHITECTURES,
): ModelDefinition {
  const { json: keys, fail } = readConfig(json, source);
  const types = architectures.flatMap(({ modelTypes }) => modelTypes);
  const { model_type: type = types[0] } = keys;
  const architecture = architectures.find(({ modelTypes }) => modelTypes.some((name) => name === type));
  if (architecture !== undefined) return architecture.define(json, source);
  const names = types.map(quote).join(', ');
  throw fail({ subject: 'model_type', found: quote(type), expected: types.length === 1 ? names : `one of ${names}` });
}

/** Model of GGUF files that are open: the source owns them. */
export interface GGUFModel {
  readonly model: ModelDefinition;
  readonly source: GGUFCheckpoint;
  readonly metadata: Metadata;
  /** Lines on what the files hold and the model does not use. */
  readonly notices: readonly string[];
}

/**
 * Opens the GGUF files of a model by the path of the first; no weights are read yet.
 *
 * @throws GGUFError when a file can't be read.
 * @throws ConfigError for an architecture that is unknown, and metadata that is missing or not supported.
 * @throws CheckpointError as `openGGUFCheckpoint`.
 */
export async function openGGUFModel(
  path: string,
  architectures: readonly Architecture[] = ARCHITECTURES,
): Promise<GGUFModel> {
  const advice = await pullAdvice(path);
  if (advice !== null) {
    throw new GGUFError(path, { subject: 'file', found: 'missing', expected: `a GGUF file, or ${advice}` });
  }
  await using opened = new AsyncDisposableStack();
  const model = await readGGUFModel(opened.use(await openGGUFFiles(path)), architectures);
  opened.move(); // from here on the source owns the files
  return model;
}

/**
 * Refuses a model in one GGUF file by the beginning of the file, as far as what decides is there.
 *
 * @throws RoseinferError as `openGGUFModel`.
 */
export async function checkGGUFHead(path: string, head: GGUFHead): Promise<void> {
  try {
    await using files = await openGGUFHead(path, head);
    await readGGUFModel(files, ARCHITECTURES);
  } catch (error) {
    if (!(error instanceof GGUFCutError)) throw error;
  }
}

/** Reads the model of files that are open; the source owns them then. */
async function readGGUFModel(files: GGUFFiles, architectures: readonly Architecture[]): Promise<GGUFModel> {
  const { metadata, path } = files;
  const name = metadata.get(ARCHITECTURE_KEY);
  const readers = architectures.flatMap(({ gguf }) => gguf ?? []);
  const reader = readers.find((each) => each.architectures.some((known) => known === name));
  if (reader === undefined || typeof name !== 'string') {
    const names = readers.flatMap((each) => each.architectures).map(quote);
    const expected = `one of ${names.join(', ')}`;
    throw new ConfigError(path, { subject: ARCHITECTURE_KEY, found: quoteJson(name), expected });
  }
  const { model, layout } = await reader.read(files, name);
  const source = openGGUFCheckpoint(files, model, layout);
  return { model, source, metadata, notices: [...keyNotices(path, model), ...source.notices] };
}

/** Model with random weights, and the directory in the package whose tokenizer it has. */
export interface RandomModel {
  readonly model: ModelDefinition;
  readonly tokenizer: string;
}

/** Model of a name: one with random weights, or one of files. */
export type NamedModel =
  | (RandomModel & { readonly isRandom: true })
  | { readonly model: ModelDefinition; readonly isRandom: false };

/**
 * Finds the model of a name: `random:` and a published shape, a directory, a GGUF file, or a model of the hub's cache.
 * @throws ConfigError as `readModel`
 * @throws RoseinferError as `findGGUF` and `openGGUFModel`
 * @throws RangeValueError as `randomModel`
 */
export async function findModel(name: string, architectures?: readonly Architecture[]): Promise<NamedModel> {
  if (name.startsWith(RANDOM)) return { ...randomModel(name.slice(RANDOM.length), architectures), isRandom: true };
  const path = await locateModel(name);
  const gguf = await findGGUF(path);
  if (gguf === null) return { model: await readModel(path, architectures), isRandom: false };
  const { model, source } = await openGGUFModel(gguf, architectures);
  await source.close();
  return { model, isRandom: false };
}

/**
 * Defines a model of published shape, for random weights.
 *
 * @throws RangeValueError for a name that no architecture has.
 */
export function randomModel(name: string, architectures: readonly Architecture[] = ARCHITECTURES): RandomModel {
  for (const { random, define } of architectures) {
    const json = random?.configs.get(name);
    if (random && json) return { model: define(json, name), tokenizer: random.tokenizer };
  }
  throw new RangeValueError('random model', name, `one of ${architectures.flatMap(randomShapes).join(', ')}`);
}

/** Writes the names of the models with random weights in short, such as `random:gpt2[-medium|-large]`. */
export function randomNames(architectures: readonly Architecture[] = ARCHITECTURES): string {
  const names = architectures.map(randomShapes).flatMap(abbreviate);
  return names.map((name) => RANDOM + name).join(' or ');
}

/** Joins names that all begin with the first: `a[-b|-c]`. */
function abbreviate(names: readonly string[]): readonly string[] {
  const [first, ...others] = names;
  if (first === undefined || others.length === 0 || !others.every((name) => name.startsWith(first))) return names;
  return [`${first}[${others.map((name) => name.slice(first.length)).join('|')}]`];
}

/** Name of a model with random weights, for messages. */
export const RANDOM_EXAMPLE = `${RANDOM}${ARCHITECTURES.flatMap(randomShapes)[0]}`;

function randomShapes({ random }: Architecture): string[] {
  return [...(random?.configs.keys() ?? [])];
}
