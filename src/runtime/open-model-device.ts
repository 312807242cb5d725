// The device of a model: opened with the courtesies that a software adapter needs, whichever function loads the model.
import { Device } from '../gpu/device.ts';
import { PollGovernor } from '../gpu/poll-governor.ts';
import type { ModelDeviceOptions } from './load-options.ts';

/**
 * Opens the device that a model is for.
 *
 * @throws as `Device.open`.
 */
export async function openModelDevice(options: ModelDeviceOptions): Promise<Device> {
  const { adapter, backend, zeroWorkgroupMemory, features, reduction } = options;
  const { gpu, ownsGpu, requiredFeatures, requiredLimits } = options;
  const choice = { adapter, backend, zeroWorkgroupMemory, features, reduction };
  const device = await Device.open({ ...choice, gpu, ownsGpu, requiredFeatures, requiredLimits });
  const { isSoftware } = device.traits;
  const { pollGovernor = isSoftware, yieldToAdapter = isSoftware } = options;
  if (pollGovernor) device.governPolls(new PollGovernor());
  if (yieldToAdapter) device.yieldWhileWaiting();
  return device;
}
