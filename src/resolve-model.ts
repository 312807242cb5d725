import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from './models/checkpoint.ts';
import { readEosIds } from './models/eos-ids.ts';
import { type GPT2Config, randomConfig, readGPT2Config } from './models/gpt2/config.ts';
import { RandomCheckpoint } from './models/random-checkpoint.ts';
import type { WeightSource } from './models/weight-source.ts';
import { checkVocabSize, Tokenizer } from './tokenizer/tokenizer.ts';
import { TOKENIZER_FILE } from './tokenizer/tokenizer-files.ts';
import { packageFile } from './util/package-file.ts';
import { quote } from './util/quote.ts';
import { isAbsent } from './util/regular-file.ts';

/** `random:gpt2` and its larger sizes: the published shape with pseudo-random weights. */
const RANDOM = 'random:';
/** Whose config and tokenizer random models have. */
const GPT2_DIRECTORY = fileURLToPath(packageFile('weights/gpt2'));

/** A model's files: what is read before there is a device. */
export interface OpenSource {
  readonly config: GPT2Config;
  readonly source: WeightSource;
  /** Of ids only where the directory has no tokenizer.json. */
  readonly tokenizer: Tokenizer;
  /** The tokens that end a text by the model's files. */
  readonly eosIds: readonly number[];
  /** What the files hold and the model does not use, a line each. */
  readonly notices: readonly string[];
}

/**
 * Opens a model by name: a Hugging Face directory, or `random:gpt2[-medium|-large|-xl]`.
 *
 * @param seed of the weights of a random model.
 * @throws RoseinferError of the kind that fits; VocabSizeError for a tokenizer that is not the model's.
 */
export async function openSource(name: string, seed = 0): Promise<OpenSource> {
  if (name.startsWith(RANDOM)) {
    const config = randomConfig(name.slice(RANDOM.length));
    const tokenizer = await Tokenizer.load(GPT2_DIRECTORY);
    const source = new RandomCheckpoint(config, seed);
    return { config, source, tokenizer, eosIds: config.eosTokenIds, notices: [] };
  }
  const config = await readGPT2Config(name);
  const { eosIds, unused } = await readEosIds(name, config);
  const tokenizer = await openTokenizer(name, config.vocabSize);
  const lost = [...unused, ...tokenizer.eosIds.filter((id) => id >= config.vocabSize)];
  const notices =
    lost.length === 0
      ? []
      : [`${name}: eos ${quote(lost)} is beyond the ${config.vocabSize} tokens of the model and never generated`];
  const source = await openCheckpoint(name, config);
  return { config, source, tokenizer, eosIds, notices: [...notices, ...source.notices] };
}

async function openTokenizer(dir: string, vocabSize: number): Promise<Tokenizer> {
  const path = join(dir, TOKENIZER_FILE);
  if (await isAbsent(path)) return Tokenizer.idsOnly(vocabSize, path);
  const tokenizer = await Tokenizer.load(dir);
  checkVocabSize(tokenizer, vocabSize);
  return tokenizer;
}

/** Tells of a notice where nobody listens. */
export function warn(notice: string): void {
  process.emitWarning(notice, 'RoseinferWarning');
}
