// The float64 model of a GGUF file, on its weights as they are read or as the GPU stores them.
import { openGGUFFiles } from '../../../src/formats/gguf/gguf-files.ts';
import { modelTensors } from '../../../src/models/architecture.ts';
import { gguf } from '../../../src/models/llama/gguf.ts';
import { openGGUFModel } from '../../../src/models/registry.ts';
import { ReferenceLlama } from '../../../src/reference/llama.ts';
import { numElements } from '../../../src/util/math.ts';

/** Makes the model of a file of the Llama family. @param roundsF16 rounds matrices whose storage is f16. */
export async function ggufReference(path: string, roundsF16: boolean): Promise<ReferenceLlama> {
  await using files = await openGGUFFiles(path);
  const { config } = await gguf.read(files, String(files.metadata.get('general.architecture')));
  const { model, source } = await openGGUFModel(path);
  await using _ = source;
  const weights = new Map<string, Float64Array>();
  for (const { name, shape } of modelTensors(model, source.tiedHead)) {
    const numbers = new Float32Array(numElements(shape));
    await source.readRows(name, 0, shape[0]!, numbers);
    const rounds = roundsF16 && source.dtypeOf(name) === 'f16';
    weights.set(
      name,
      Float64Array.from(numbers, (value) => (rounds ? Math.f16round(value) : value)),
    );
  }
  return new ReferenceLlama(config, (name) => weights.get(name));
}
