// Devices of a test file: opened before its tests, since vitest collects tests without GPU work, and closed after them.
import { afterAll, beforeAll } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import type { DeviceOptions } from '../../../src/gpu/device-options.ts';

/** A device with the optional features of the adapter, `auto`, and one without any, `base`. */
export class TestDevices {
  #auto: Device | null = null;
  #base: Device | null = null;

  /** Must be called at the top of a test file, or of a group of tests. */
  constructor(options: Pick<DeviceOptions, 'reduction'> = {}) {
    beforeAll(async () => {
      this.#auto = await Device.open(options);
      this.#base = await Device.open({ ...options, features: 'base' });
    });
    afterAll(() => {
      this.#auto?.close();
      this.#base?.close();
    });
  }

  get auto(): Device {
    return opened(this.#auto);
  }

  get base(): Device {
    return opened(this.#base);
  }
}

function opened(device: Device | null): Device {
  if (device === null) throw new Error('a device is open only while tests run');
  return device;
}
