// The float64 model of a GGUF file, on its weights as they are read.
import { openGGUFFiles } from '../../../src/formats/gguf/gguf-files.ts';
import { modelTensors } from '../../../src/models/architecture.ts';
import { gguf } from '../../../src/models/llama/gguf.ts';
import { openGGUFModel } from '../../../src/models/registry.ts';
import { ReferenceLlama } from '../../../src/reference/llama.ts';
import { numElements } from '../../../src/util/math.ts';
import { referenceConfig } from './reference-llama.ts';

/** Makes the model of a file of the Llama family. */
export async function ggufReference(path: string): Promise<ReferenceLlama> {
  await using files = await openGGUFFiles(path);
  const { config } = await gguf.read(files, String(files.metadata.get('general.architecture')));
  const { model, source } = await openGGUFModel(path);
  await using _ = source;
  const weights = new Map<string, Float64Array>();
  for (const { name, shape } of modelTensors(model, source.tiedHead)) {
    const numbers = new Float32Array(numElements(shape));
    await source.readRows(name, 0, shape[0]!, numbers);
    weights.set(name, Float64Array.from(numbers));
  }
  return new ReferenceLlama(referenceConfig(config), (name) => weights.get(name));
}
