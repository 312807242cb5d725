// Whether a model runs on this machine: all that loading it checks before it reads weights, and no more, so that many are judged
// in a moment.
import type { Device } from '../gpu/device.ts';
import type { ModelConfig } from '../models/config.ts';
import { findModel } from '../models/registry.ts';
import { openSource } from '../models/resolve-model.ts';
import { describeStorage } from '../models/weight-storage.ts';
import { fitSizes } from '../runtime/fit-sizes.ts';
import { freeHostBytes } from '../runtime/free-memory.ts';
import { checkMemory, planMemory } from '../runtime/memory-plan.ts';
import { RoseinferError } from '../util/errors.ts';

/** Judgement of a model. What is not known, since the files could not be read, is null. */
export interface JudgedModel {
  readonly architecture: string | null;
  readonly config: ModelConfig | null;
  /** Storage of the weight matrices. */
  readonly dtype: string | null;
  /** Bytes that it takes while it runs with default options. */
  readonly memory: number | null;
  /** Why it does not run; null when it does. */
  readonly fault: string | null;
}

/**
 * Judges a model by its name.
 *
 * @param device the adapter that it would run on, or why there is none.
 */
export async function judgeModel(name: string, device: Device | RoseinferError): Promise<JudgedModel> {
  const known: { -readonly [K in keyof JudgedModel]: JudgedModel[K] } = {
    architecture: null,
    config: null,
    dtype: null,
    memory: null,
    fault: null,
  };
  try {
    const { model } = await findModel(name);
    known.architecture = model.architecture;
    known.config = model.config;
    await using opened = new AsyncDisposableStack();
    const { source, chatTemplate } = await openSource(name);
    opened.use(source);
    opened.use(chatTemplate);
    known.dtype = describeStorage(model, source);
    if (device instanceof RoseinferError) throw device;
    const { tiedHead } = source;
    const hostBytes = freeHostBytes(device);
    const sizes = fitSizes(model, {}, source, { device, hostBytes, tiedHead });
    known.memory = planMemory(model, sizes, tiedHead).total;
    const maxBindingBytes = device.gpu.limits.maxStorageBufferBindingSize;
    checkMemory(model, sizes, { maxBindingBytes, hostBytes }, tiedHead);
  } catch (error) {
    if (!(error instanceof RoseinferError)) throw error;
    known.fault = error.message;
  }
  return known;
}
