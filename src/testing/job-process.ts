// Program of a process that runs jobs on a device of its own: some settings of a driver, such as the width of lavapipe's
// vectors, hold for all devices of a process, and for those that were open before.
import { Device } from '../gpu/device.ts';
import type { DeviceOptions } from '../gpu/device-options.ts';
import { DeviceRunner } from './device-runner.ts';
import type { Job, JobResult } from './job.ts';

/** First message to the process, and those that follow. */
export type ToProcess = { readonly open: DeviceOptions } | { readonly job: Job };

/** Answer to a message. */
export type FromProcess =
  | { readonly minSubgroupSize: number }
  | { readonly result: JobResult }
  | { readonly failure: string };

let runner: Promise<DeviceRunner> | null = null;

async function answer(message: ToProcess): Promise<FromProcess> {
  if ('open' in message) {
    const device = await Device.open(message.open);
    runner = Promise.resolve(new DeviceRunner(device));
    return { minSubgroupSize: device.traits.minSubgroupSize };
  }
  if (runner === null) throw new Error('a job before the device is open');
  return { result: await (await runner).run(message.job) };
}

process.on('message', (message: ToProcess) => {
  answer(message)
    .catch((error: unknown): FromProcess => ({ failure: error instanceof Error ? error.message : String(error) }))
    .then((reply) => process.send?.(reply));
});
// A process that has lost its parent has nobody to answer.
process.on('disconnect', () => process.exit());
