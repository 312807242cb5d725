// Child process: names of the Vulkan devices that llama.cpp runs on in this environment.
import { openLlama } from './llama.ts';
import { serveJob } from './serve-job.ts';

export interface LlamaDevicesJob {
  /** The package node-llama-cpp. */
  readonly directory: string;
}

serveJob(async ({ directory }: LlamaDevicesJob, report: (names: readonly string[]) => void) => {
  const llama = await openLlama(directory, { gpu: 'vulkan' });
  report(await llama.getGpuDeviceNames());
});
