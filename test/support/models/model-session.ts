// A model's runner without engine or scheduler: the test places blocks and token slots itself and reads logits.
import { type BatchRow, planBatch } from '../../../src/core/plan-batch.ts';
import type { StepResult } from '../../../src/core/runner.ts';
import { findGGUF } from '../../../src/formats/gguf/find-gguf.ts';
import type { Device } from '../../../src/gpu/device.ts';
import type { Architecture } from '../../../src/models/architecture.ts';
import { openCheckpoint } from '../../../src/models/checkpoint.ts';
import { openGGUFModel, readModel } from '../../../src/models/registry.ts';
import { ModelRunner, type ModelRunnerOptions } from '../../../src/runtime/model-runner.ts';
import { type RunnerOptions, resolveSizes } from '../../../src/runtime/runtime-sizes.ts';
import { ceilDiv } from '../../../src/util/math.ts';

/** Opens a model directory or GGUF file on a device, returning logits, without tokenizer, scheduler or engine. */
export async function openRunner(
  device: Device,
  directory: string,
  options: RunnerOptions & Pick<ModelRunnerOptions, 'kernels' | 'tune' | 'onTuned' | 'verify' | 'onFallback'> = {},
  architectures?: readonly Architecture[],
): Promise<ModelRunner> {
  const { model, source } = await openFiles(directory, architectures);
  await using _ = source;
  const sizes = resolveSizes(model.config, options, source, device);
  return await ModelRunner.create(device, model, source, sizes, { ...options, returnLogits: true });
}

async function openFiles(name: string, architectures?: readonly Architecture[]) {
  const gguf = await findGGUF(name);
  if (gguf !== null) return await openGGUFModel(gguf, architectures);
  const model = await readModel(name, architectures);
  return { model, source: await openCheckpoint(name, model) };
}

/** A sequence whose blocks and token slot the test chooses, and all logits that it has sampled from. */
export class TestSequence {
  readonly promptIds: readonly number[];
  readonly ids: number[] = [];
  readonly logits: Float32Array[] = [];
  readonly params: BatchRow['sequence']['params'];
  /** Bits of the ids that it may sample next; null for any. */
  mask: Uint32Array | null = null;
  readonly blockTable: readonly number[];
  readonly tokenSlot: number;
  numComputedTokens = 0;

  constructor(promptIds: readonly number[], place: Place, params: Partial<TestSequence['params']> = {}) {
    this.promptIds = promptIds;
    this.params = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, ...params };
    this.blockTable = place.blockTable;
    this.tokenSlot = place.tokenSlot;
  }

  get constraint(): BatchRow['sequence']['constraint'] {
    return this.mask && { allowed: { words: this.mask, isComplete: false } };
  }

  get numUncomputedTokens(): number {
    return this.promptIds.length + this.ids.length - this.numComputedTokens;
  }

  /** The row that computes what has not been computed yet, or its first `numTokens` tokens. */
  row(numTokens = this.numUncomputedTokens): BatchRow {
    const { numComputedTokens: start, tokenSlot, blockTable } = this;
    const samples = start + numTokens === this.promptIds.length + this.ids.length;
    return { sequence: this, start, numTokens, samples, tokenSlot, blockTable };
  }

  /** Drops its computed tokens, as a preemption does. */
  preempt(): void {
    this.numComputedTokens = 0;
  }
}

/** Blocks and token slot of a sequence. */
interface Place {
  readonly blockTable: readonly number[];
  readonly tokenSlot: number;
}

/** Makes places for `count` sequences of `numTokens` tokens each; a stride other than 1 scatters their blocks. */
export function places(runner: ModelRunner, count: number, numTokens: number, stride = 1): Place[] {
  const { blockSize, numBlocks } = runner.limits;
  const blocks = ceilDiv(numTokens, blockSize);
  return Array.from({ length: count }, (_, tokenSlot) => ({
    tokenSlot,
    blockTable: Array.from({ length: blocks }, (_, b) => ((tokenSlot * blocks + b) * stride) % numBlocks),
  }));
}

/**
 * Runs one step over the tokens that the sequences have not computed, or the first `chunk` of them; each gets its id
 * and logits.
 */
export async function step(
  runner: ModelRunner,
  sequences: readonly TestSequence[],
  chunk = Number.POSITIVE_INFINITY,
): Promise<StepResult> {
  const rows = sequences.map((sequence) => ({
    ...sequence.row(Math.min(sequence.numUncomputedTokens, chunk)),
    owner: sequence,
  }));
  const { plan, sampled } = planBatch(rows, runner.limits);
  const result = await runner.execute(plan);
  for (const { owner, start, numTokens } of rows) owner.numComputedTokens = start + numTokens;
  const { vocabSize: V } = runner.limits;
  for (const [r, { owner }] of sampled.entries()) {
    owner.ids.push(result.ids[r]!);
    owner.logits.push(result.logits!.slice(r * V, (r + 1) * V));
  }
  return result;
}

/** Computes the logits [T, V] of every position of one sequence in one step. */
export async function logitsOfAll(runner: ModelRunner, ids: ArrayLike<number>): Promise<Float32Array> {
  const [place] = places(runner, 1, ids.length);
  const { plan } = planBatch([new TestSequence(Array.from(ids), place!).row()], runner.limits);
  const logitsRows = Int32Array.from({ length: ids.length }, (_, t) => t);
  const samplingRows = Array.from(logitsRows, () => plan.samplingRows[0]!);
  const { logits } = await runner.execute({ ...plan, logitsRows, samplingRows });
  return logits!;
}
