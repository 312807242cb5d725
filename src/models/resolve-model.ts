// From a model's name to its files: definition, weights, tokenizer and eos, all that is read before there is a device.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findGGUF } from '../formats/gguf/find-gguf.ts';
import { ChatTemplate } from '../tokenizer/chat-template.ts';
import { checkVocabSize, Tokenizer } from '../tokenizer/tokenizer.ts';
import { TOKENIZER_FILE } from '../tokenizer/tokenizer-files.ts';
import { packageFile } from '../util/package-file.ts';
import { quote } from '../util/quote.ts';
import { isAbsent } from '../util/regular-file.ts';
import type { Architecture, ModelDefinition } from './architecture.ts';
import { openCheckpoint } from './checkpoint.ts';
import { type AdvisedSampling, readGenerationConfig, splitEosIds } from './generation-config.ts';
import { locateModel } from './locate-model.ts';
import { RandomCheckpoint } from './random-checkpoint.ts';
import { configNotices, findModel, openGGUFModel, type RandomModel } from './registry.ts';
import type { WeightSource } from './weight-source.ts';

/** Values of `tokenizer.ggml.model` in GGUF files without a tokenizer. */
const NO_TOKENIZER: ReadonlySet<unknown> = new Set([undefined, 'none', 'no_vocab']);

/** Files of a model, and what is read of them before there is a device. */
export interface OpenSource {
  readonly model: ModelDefinition;
  readonly source: WeightSource;
  /** Of ids only where the directory has no tokenizer.json, or the GGUF file no tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Null where the files have none. The caller closes it. */
  readonly chatTemplate: ChatTemplate | null;
  /** The tokens that end a text by the model's files. */
  readonly eosIds: readonly number[];
  /** Sampling parameters that the model's authors advise. */
  readonly sampling: AdvisedSampling;
  /** Lines on contents of the files that the model does not use. */
  readonly notices: readonly string[];
}

/**
 * Opens a model by name: a Hugging Face directory, a GGUF file, a model of the hub's cache, or `random:` and a published shape.
 *
 * @param seed of the weights of a random model.
 * @throws RoseinferError of the kind that fits; VocabSizeError for a tokenizer that is not the model's.
 */
export async function openSource(name: string, seed = 0, architectures?: readonly Architecture[]): Promise<OpenSource> {
  const path = await locateModel(name);
  const gguf = await findGGUF(path);
  if (gguf !== null) return await openGGUF(gguf, architectures);
  const named = await findModel(path, architectures);
  return named.isRandom ? await openRandom(named, seed) : await openDirectory(path, named.model);
}

async function openRandom({ model, tokenizer: directory }: RandomModel, seed: number): Promise<OpenSource> {
  const tokenizer = await Tokenizer.load(fileURLToPath(packageFile(directory)));
  const source = new RandomCheckpoint(model, seed);
  return { model, source, tokenizer, chatTemplate: null, eosIds: model.config.eosTokenIds, sampling: {}, notices: [] };
}

async function openDirectory(dir: string, model: ModelDefinition): Promise<OpenSource> {
  const { vocabSize } = model.config;
  const { eosIds, unusedEosIds, sampling } = await readGenerationConfig(dir, model.config);
  const tokenizer = await openTokenizer(dir, vocabSize);
  const lost = [...unusedEosIds, ...tokenizer.eosIds.filter((id) => id >= vocabSize)];
  const chatTemplate = await ChatTemplate.load(dir, tokenizer);
  const source = await openCheckpoint(dir, model);
  const notices = [...configNotices(dir, model), ...eosNotices(dir, lost, vocabSize), ...source.notices];
  return { model, source, tokenizer, chatTemplate, eosIds, sampling, notices };
}

async function openGGUF(path: string, architectures?: readonly Architecture[]): Promise<OpenSource> {
  await using opened = new AsyncDisposableStack();
  const { model, source, metadata, notices } = await openGGUFModel(path, architectures);
  opened.use(source);
  const { vocabSize, eosTokenIds } = model.config;
  const { eosIds, unusedEosIds } = splitEosIds(eosTokenIds, model.config);
  const tokenizer = NO_TOKENIZER.has(metadata.get('tokenizer.ggml.model'))
    ? Tokenizer.idsOnly(vocabSize, path)
    : Tokenizer.fromGGUF(metadata, path);
  checkVocabSize(tokenizer, vocabSize, path);
  const chatTemplate = ChatTemplate.fromGGUF(metadata, path, tokenizer);
  opened.move(); // from here on the caller owns the source
  const all = [...notices, ...eosNotices(path, unusedEosIds, vocabSize)];
  return { model, source, tokenizer, chatTemplate, eosIds, sampling: {}, notices: all };
}

/** Writes the notice of ends of texts that a model never generates: a line, or none. */
function eosNotices(path: string, lost: readonly number[], vocabSize: number): string[] {
  if (lost.length === 0) return [];
  return [`${path}: eos ${quote(lost)} is beyond the ${vocabSize} tokens of the model and never generated`];
}

async function openTokenizer(dir: string, vocabSize: number): Promise<Tokenizer> {
  const path = join(dir, TOKENIZER_FILE);
  if (await isAbsent(path)) return Tokenizer.idsOnly(vocabSize, path);
  const tokenizer = await Tokenizer.load(dir);
  checkVocabSize(tokenizer, vocabSize, path);
  return tokenizer;
}

/** Reports a notice where the caller gave no listener. */
export function warn(notice: string): void {
  process.emitWarning(notice, 'RoseinferWarning');
}
