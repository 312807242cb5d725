// Child process: names of the Vulkan devices that llama.cpp finds in this environment.
import { answerJob } from './answer-job.ts';
import { openLlama } from './llama.ts';

/** Job of listing devices. */
export interface LlamaDevicesJob {
  /** Directory of the package node-llama-cpp. */
  readonly directory: string;
}

answerJob(async ({ directory }: LlamaDevicesJob, report: (names: readonly string[]) => void) => {
  const llama = await openLlama(directory, { gpu: 'vulkan' });
  report(await llama.getGpuDeviceNames());
});
