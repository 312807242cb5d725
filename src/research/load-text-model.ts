// Puts the layers together for research: a device, a model on it that takes ids, and the model's tokenizer.

import type { Device } from '../gpu/device.ts';
import { BUNDLED_MODEL } from '../models/bundled-model.ts';
import { mapSource } from '../models/mapped-source.ts';
import { openSource, warn } from '../models/resolve-model.ts';
import { checkLoadTextModel, type LoadTextModelOptions } from '../runtime/load-options.ts';
import { openModelDevice } from '../runtime/open-model-device.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { describeFallback, type Fallback } from '../tuning/verify-tuning.ts';
import { TextModel } from './text-model.ts';

/** A model for research and what belongs to it. Close it to free the device and to let the process end. */
export interface LoadedTextModel extends Disposable {
  readonly model: TextModel;
  /** Of ids only where the files have no tokenizer. */
  readonly tokenizer: Tokenizer;
  readonly device: Device;
  /** Idempotent. */
  close(): void;
}

/**
 * Loads a model by name, as `loadModel` does, without engine, scheduler and sampler.
 *
 * @throws RoseinferError of the kind that fits: options, files, configuration, tokenizer, memory or adapter.
 */
export async function loadTextModel(
  name: string = BUNDLED_MODEL,
  options: LoadTextModelOptions = {},
): Promise<LoadedTextModel> {
  checkLoadTextModel(name, options);
  const { model: definition, source, tokenizer, notices } = await openSource(name, options.seed);
  await using weights = mapSource(source, options.mapWeight);
  const { onNotice = warn } = options;
  for (const notice of notices) onNotice(notice);
  using opened = new DisposableStack();
  const device = opened.use(await openModelDevice(options));
  const onFallback = (fallback: Fallback) => onNotice(describeFallback(fallback, device.identity));
  const model = opened.use(await TextModel.open(device, definition, weights, { ...options, onFallback }));
  const owned = opened.move();
  const close = () => owned.dispose();
  return { model, tokenizer, device, close, [Symbol.dispose]: close };
}
