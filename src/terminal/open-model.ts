// A model for a command: loaded as the library loads it, with progress, notices and sizes shown on the terminal.
import type { DeviceIdentity } from '../gpu/device-traits.ts';
import { yieldToAdapter } from '../gpu/host-priority.ts';
import { type LoadedModel, loadModel } from '../load-model.ts';
import { BUNDLED_NAME } from '../models/bundled-model.ts';
import type { LoadModelOptions, LoadProgress } from '../runtime/load-options.ts';
import { formatBytes, type MemoryPlan } from '../runtime/memory-plan.ts';
import { ChatTemplateError } from '../tokenizer/chat-template-errors.ts';
import { count } from '../util/count.ts';
import { InputFileError } from './input-file.ts';
import type { StatusLine } from './status-line.ts';

/** Options of a model that a command opens. */
export interface OpenModelOptions extends Omit<LoadModelOptions, 'onNotice' | 'onPlan' | 'onProgress'> {
  readonly signal: AbortSignal;
  /** Shows the progress of loading. */
  readonly status: StatusLine;
  /** Receives a line about the memory before the model is loaded, and one about the model afterwards. */
  readonly log: (line: string) => void;
}

/**
 * Loads a model for a command, the bundled one when `name` is undefined, and leaves the processor to a software adapter unless
 * `yieldToAdapter` is false.
 *
 * @throws what `loadModel` throws, InputFileError for the file of `--chat-template`, and the signal's reason.
 */
export async function openModel(name: string | undefined, options: OpenModelOptions): Promise<LoadedModel> {
  const { signal, status, log, ...rest } = options;
  const model = await loadModel(name, {
    ...rest,
    onNotice: (notice) => status.say(notice),
    onPlan: (plan) => log(describeMemory(plan)),
    onProgress: (progress) => {
      signal.throwIfAborted();
      status.show(describeProgress(progress), progress.done / progress.total);
    },
  }).catch((error: unknown) => {
    throw ofTemplateFlag(error, rest.chatTemplate);
  });
  status.clear();
  if (rest.yieldToAdapter ?? true) yieldToAdapter(model.device.traits);
  log(describeModel(modelName(name), model));
  return model;
}

/** Names the flag in an error of the template's file, which the library knows by its path. */
function ofTemplateFlag(error: unknown, path: string | undefined): unknown {
  if (!(error instanceof ChatTemplateError) || error.path !== path) return error;
  return InputFileError.of({ flag: '--chat-template', path }, error);
}

function describeProgress({ phase, done, total }: LoadProgress): string {
  switch (phase) {
    case 'weights':
      return `loading ${formatBytes(done)} of ${formatBytes(total)} of weights and compiling kernels`;
    case 'warm-up':
      return `letting the driver compile kernels: ${done} of ${total}`;
    case 'verification':
      return `comparing variants of kernels bit by bit: ${done} of ${total}`;
    case 'tuning':
      return `measuring which variants of kernels are fast here: ${done} of ${count(total, 'size')}`;
  }
}

/** Names the model of `--model` in a report. */
export function modelName(name: string | undefined): string {
  return name ?? BUNDLED_NAME;
}

function describeMemory({ weights, kv, activations, total }: MemoryPlan): string {
  const [ofWeights, ofKv, ofActivations, ofAll] = [weights, kv, activations, total].map(formatBytes);
  return `memory: ${ofAll} = weights ${ofWeights} + KV up to ${ofKv} + activations ${ofActivations}`;
}

function describeModel(name: string, { dtype, adapter, runner }: LoadedModel): string {
  const { numBlocks, blockSize } = runner.limits;
  return `model: ${name} (${dtype}) · ${describeDevice(adapter)} · KV ${count(numBlocks, 'block')} × ${count(blockSize, 'token')}`;
}

/** Names a device in a line of a report. */
export function describeDevice({ name, driver, reduction }: DeviceIdentity): string {
  return `adapter ${name} (${driver}) · reduction ${reduction}`;
}
