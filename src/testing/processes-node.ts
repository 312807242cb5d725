// Processes of Node with a device of their own, and the settings by which lavapipe has subgroups of another size there.
import type { DeviceOptions } from '../gpu/device-options.ts';
import type { SizedRunner } from './job.ts';
import { ProcessRunner } from './process-runner.ts';

export { lavapipeSettings, ownLavapipeSize } from './lavapipe.ts';

/**
 * Starts a process with a device.
 *
 * @param env variables besides those of this process.
 * @throws GpuError when it does not open the device.
 */
export function startProcess(options: DeviceOptions, env: Readonly<Record<string, string>>): Promise<SizedRunner> {
  return ProcessRunner.start(options, env);
}
