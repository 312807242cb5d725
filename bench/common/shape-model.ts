// Model of the benchmarks that need no text, those of kernels and of the peers' matmuls: a published shape, whose random
// weights every machine has.

/** Name of the model where `--model` is absent. */
export const SHAPE_MODEL = 'random:gpt2';
