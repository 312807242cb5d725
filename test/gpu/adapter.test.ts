// The search for an adapter: Dawn's own lines appear once, and empty variables for drivers count as unset.
import { expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';

test('lines of Dawn about an adapter come before the first device is open, and none between later lines', () => {
  const program = `
    import { listAdapters } from '#platform';
    import { Device } from './src/gpu/device.ts';
    using first = await Device.open();
    console.error('first line');
    using second = await Device.open();
    using third = await Device.open({ adapter: first.identity.name });
    await listAdapters();
    console.error('last line');`;
  const { status, stdout, stderr } = runNode(['--input-type=module', '--eval', program]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  expect(stderr.slice(stderr.indexOf('first'))).toBe('first line\nlast line\n');
});

test('variables for drivers that are empty hide none', () => {
  const program = `
    import { findAdapter } from '#platform';
    console.log((await findAdapter()).identity.backend);`;
  const env = { VK_DRIVER_FILES: '', VK_ICD_FILENAMES: '' };
  expect(runNode(['--input-type=module', '--eval', program], { env }).stdout).toMatch(/^\w+\n$/);
});
