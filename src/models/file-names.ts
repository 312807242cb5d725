// Names of the files that a model is read from.

/** Sizes of a model and its architecture. */
export const CONFIG_FILE = 'config.json';

/** Files that a model's directory may have beside its configuration and its weights. */
export const SMALL_FILES: readonly string[] = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];

const WEIGHTS = /\.(safetensors(\.index\.json)?|gguf)$/;

/** Tells whether a model may be read from a file of this name; its directory may hold others, such as results of a benchmark. */
export function isModelFile(name: string): boolean {
  return name === CONFIG_FILE || SMALL_FILES.includes(name) || WEIGHTS.test(name);
}
