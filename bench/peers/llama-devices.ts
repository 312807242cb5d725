// Child process: names of the Vulkan devices that llama.cpp runs on in this environment.

import { answerJob } from './answer-job.ts';
import { openLlama } from './llama.ts';

export interface LlamaDevicesJob {
  /** The package node-llama-cpp. */
  readonly directory: string;
}

answerJob(async ({ directory }: LlamaDevicesJob, report: (names: readonly string[]) => void) => {
  const llama = await openLlama(directory, { gpu: 'vulkan' });
  report(await llama.getGpuDeviceNames());
});
