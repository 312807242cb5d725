// The time of a readback: a GPU's runner has it, that of a software adapter does not, and measuring it leaves nothing behind.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { measureReadback } from '../../src/runtime/measure-readback.ts';
import { openRunner } from '../support/models/model-session.ts';

let opened: DisposableStack;
beforeEach(() => {
  opened = new DisposableStack();
});
afterEach(() => opened.dispose());

test.each(['null', undefined])(
  'is known of a runner on backend %s unless that is a software adapter',
  async (backend) => {
    const device = opened.use(await Device.open({ backend }));
    await using runner = await openRunner(device, 'test/fixtures/models/plain', { tune: 'off', verify: false });
    if (device.traits.isSoftware) expect(runner.readbackMs).toBeUndefined();
    else expect(runner.readbackMs).toBeGreaterThan(0);
  },
);

test('is a time, and its buffers are freed', async () => {
  const device = opened.use(await Device.open());
  const before = device.liveBuffers;
  expect(await measureReadback(device)).toBeGreaterThan(0);
  expect(device.liveBuffers).toBe(before);
});
