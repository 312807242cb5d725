// Identity of a card that no machine has, for reports and traces that name their adapter.
import type { DeviceIdentity } from '../../../src/gpu/device-traits.ts';

/** Identity of a GPU, of class `gpu`. */
export const cardIdentity: DeviceIdentity = {
  name: 'card',
  backend: 'vulkan',
  driver: 'driver 1',
  isSoftware: false,
  webgpu: '0.6.2',
  reduction: 'gpu',
};
