// Child process: llama.cpp's side of the decode comparison.
import type { TimedIds } from '../common/decode-speed.ts';
import { answerJob } from './answer-job.ts';
import { BATCH_SIZES, type DecodeJob, type DecodeResult, decodeBatches } from './decode-job.ts';
import { type LlamaSequence, openLlama } from './llama.ts';
import { PeerError } from './peer-error.ts';

/** Job of llama.cpp. */
export interface LlamaDecodeJob extends DecodeJob {
  /** Directory of the package node-llama-cpp. */
  readonly directory: string;
  /** Path of the GGUF file. */
  readonly model: string;
  readonly gpu: 'vulkan' | false;
  readonly threads: number | undefined;
}

/**
 * Most tokens of a step, prompts included: as many as a step of decoding has. Larger steps need other shaders, which a
 * software adapter compiles for minutes, and prompts are not timed.
 */
const LLAMA_BATCH_TOKENS = Math.max(...BATCH_SIZES);

answerJob(async (job: LlamaDecodeJob, report: (result: DecodeResult) => void) => {
  const llama = await openLlama(job.directory, { gpu: job.gpu, maxThreads: job.threads });
  // The package's check guesses the memory of the GPU; a model that doesn't fit fails without it, too.
  const layers = { gpuLayers: job.gpu === false ? 0 : 'max', ignoreMemorySafetyChecks: true };
  const model = await llama.loadModel({ modelPath: job.model, ...layers });
  if (job.gpu !== false && model.gpuLayers < model.fileInsights.totalLayers) {
    throw new PeerError(`${model.gpuLayers} of ${model.fileInsights.totalLayers} layers are on the GPU`);
  }

  const generate = async (prompts: DecodeJob['prompts'], numIds: number): Promise<TimedIds[]> => {
    const contextSize = Math.max(...prompts.map((prompt) => prompt.length)) + numIds;
    const sizes = { contextSize, sequences: prompts.length, batchSize: LLAMA_BATCH_TOKENS };
    const context = await model.createContext({ ...sizes, threads: job.threads });
    const sequences = await Promise.all(prompts.map((prompt) => decode(context.getSequence(), prompt, numIds)));
    await context.dispose();
    return sequences;
  };
  await decodeBatches(job, generate, report);
});

async function decode(sequence: LlamaSequence, prompt: readonly number[], numIds: number): Promise<TimedIds> {
  const ids: number[] = [];
  const times: number[] = [];
  for await (const id of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    times.push(performance.now());
    if (ids.push(id) === numIds) break;
  }
  return { ids, times };
}
