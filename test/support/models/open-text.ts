// A research model of a directory, without a tokenizer.
import type { Device } from '../../../src/gpu/device.ts';
import { openCheckpoint } from '../../../src/models/checkpoint.ts';
import { readModel } from '../../../src/models/registry.ts';
import { TextModel } from '../../../src/research/text-model.ts';

/** Opens a model directory on a device. */
export async function openText(
  device: Device,
  directory: string,
  options: Parameters<typeof TextModel.open>[3] = {},
): Promise<TextModel> {
  const model = await readModel(directory);
  await using source = await openCheckpoint(directory, model);
  return await TextModel.open(device, model, source, options);
}
