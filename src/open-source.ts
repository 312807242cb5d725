import { fileURLToPath } from 'node:url';
import { checkVocabSize, Tokenizer } from './engine/tokenizer.ts';
import { openCheckpoint } from './model/checkpoint.ts';
import { type GPT2Config, randomConfig, readGPT2Config } from './model/config.ts';
import { RandomCheckpoint } from './model/random-checkpoint.ts';
import type { WeightSource } from './model/weight-source.ts';

/** `random:gpt2` and its larger sizes: the published shape with pseudo-random weights. */
const RANDOM = 'random:';
/** Whose config and tokenizer random models have. */
const GPT2_DIRECTORY = fileURLToPath(new URL('../weights/gpt2', import.meta.url));

/** A model's files: what is read before there is a device. */
export interface OpenSource {
  readonly config: GPT2Config;
  readonly source: WeightSource;
  readonly tokenizer: Tokenizer;
}

/**
 * Opens a model by name: a Hugging Face directory, or `random:gpt2[-medium|-large|-xl]`.
 *
 * @param seed of the weights of a random model.
 * @throws RoseinferError of the kind that fits; VocabSizeError for a tokenizer with more ids than the model.
 */
export async function openSource(name: string, seed = 0): Promise<OpenSource> {
  if (name.startsWith(RANDOM)) {
    const config = randomConfig(name.slice(RANDOM.length));
    return { config, source: new RandomCheckpoint(config, seed), tokenizer: await Tokenizer.load(GPT2_DIRECTORY) };
  }
  const config = await readGPT2Config(name);
  const tokenizer = await Tokenizer.load(name);
  checkVocabSize(tokenizer, config.vocabSize);
  return { config, source: await openCheckpoint(name, config), tokenizer };
}
