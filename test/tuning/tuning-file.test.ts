// The file of measured choices: it is read at the next start, and a choice in it that can't run is measured again.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import type { Dims } from '../../src/gpu/kernel-spec.ts';
import { loadTuning, type TuneMode } from '../../src/tuning/load-tuning.ts';
import type { Tunable } from '../../src/tuning/tunables.ts';
import { TuningFile } from '../../src/tuning/tuning-file.ts';
import { sum, tunableSum } from '../support/kernels/tunable-sum.ts';
import { tuningCacheOfEachTest } from '../support/models/tuning-cache.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());
const directory = tuningCacheOfEachTest();

describe('choices are kept', () => {
  /** Under names that a Tuning is asked for. */
  const [sampler, attending] = [
    defineKernel({ ...sum.spec, name: 'sample' }),
    defineKernel({ ...sum.spec, name: 'attention' }),
  ];
  /** Whatever the sizes, the operands are those of the sum of a few numbers. */
  const tunable = (kernel: Kernel, sizes: readonly Dims[]): Tunable => {
    const few = tunableSum(device, { DOWN: 0 }, { DOWN: 1 });
    return { ...few, kernel, sizes, prepare: (owned) => few.prepare(owned, { N: 20 }) };
  };
  const load = async (mode: TuneMode | undefined, options: { budget?: number; stopAt?: number } = {}) => {
    const progress: number[] = [];
    const onProgress = (numDone: number) => {
      progress.push(numDone);
      if (numDone === options.stopAt) throw new Error('stopped');
    };
    const tunables = [tunable(sampler, [{ V: 4 }, { V: 8 }]), tunable(attending, [{ H: 1, ROWS: 8 }])];
    const tuning = await loadTuning(device, () => tunables, { ...options, mode, onProgress });
    return { tuning, numMeasured: progress.at(-1) ?? 0 };
  };
  const files = async () => (await readdir(directory())).map((name) => join(directory(), name));
  const sampleFile = async () => (await files()).find((path) => path.includes('sample-')) ?? '';
  const entries = async (): Promise<unknown[]> => JSON.parse(await readFile(await sampleFile(), 'utf8'));

  test('and read again: only `force` measures twice, and `off` neither measures nor writes', async () => {
    expect((await load('off')).numMeasured).toBe(0);
    expect(await files()).toEqual([]);
    expect((await load('on')).numMeasured).toBe(3);
    expect((await load('on')).numMeasured).toBe(0);
    expect((await load('force')).numMeasured).toBe(3);
    expect(await files()).toHaveLength(2);
  });

  test('and used', async () => {
    expect((await load('on')).tuning.choose('sample', { V: 4 })).toEqual({ constants: { DOWN: 0 } });
    const choice = { constants: { DOWN: 0, REPEAT: 1000 } };
    await writeFile(await sampleFile(), JSON.stringify((await entries()).map((each) => ({ ...Object(each), choice }))));
    const { tuning } = await load('on');
    expect(tuning.choose('sample', { V: 4 })).toEqual(choice);
    expect(tuning.choose('attention', { H: 1, ROWS: 8 })).toEqual({ constants: { DOWN: 0 } });
  });

  test('also those for the sizes of other models, when these are measured anew', async () => {
    await load('on');
    const other = { kernel: 'sample', sizes: { V: 77 }, choice: { constants: { REPEAT: 1 } } };
    await writeFile(await sampleFile(), JSON.stringify([...(await entries()), other]));
    await load('force');
    expect(await entries()).toContainEqual(other);
    expect(await entries()).toHaveLength(3);
  });

  test.each([
    ['no JSON', '{'],
    ['no list', '{"kernel":"sample"}'],
    ['a list of something else', '[1,null,{"kernel":"sample","sizes":{"V":"4"},"choice":{}},{"kernel":"sample"}]'],
    ['choices for another kernel', '[{"kernel":"attention","sizes":{"V":4},"choice":{}}]'],
    ['choices that it can not run', '[{"kernel":"sample","sizes":{"V":4},"choice":{"constants":{"DOWN":2}}}]'],
    ['constants that no tuning sets', '[{"kernel":"sample","sizes":{"V":4},"choice":{"constants":{"FIRST":1}}}]'],
    [
      'conditions that no tuning sets',
      '[{"kernel":"sample","sizes":{"V":4},"choice":{"conditions":{"NEGATED":true}}}]',
    ],
  ])('unless a file has %s: what it had is measured again', async (_, text) => {
    await load('on');
    await writeFile(await sampleFile(), text);
    expect((await load('on')).numMeasured).toBe(2);
  });

  test('where they can be: a directory that can not be made stops nothing', async () => {
    await writeFile(join(directory(), 'file'), '');
    vi.stubEnv('ROSEINFER_CACHE', join(directory(), 'file', 'cache'));
    expect((await load('on')).numMeasured).toBe(3);
  });

  test('and sizes that there was no time for are left to the next start', async () => {
    expect((await load('on', { budget: 0 })).numMeasured).toBe(0);
    expect(await files()).toEqual([]);
    expect((await load('force', { budget: 0 })).numMeasured).toBe(3);
  });

  test('and so are those measured before a stop', async () => {
    await expect(load('on', { stopAt: 1 })).rejects.toThrow('stopped');
    expect((await load('on')).numMeasured).toBe(2);
    await expect(load('force', { stopAt: 1 })).rejects.toThrow('stopped');
    expect((await load('on')).numMeasured).toBe(0);
  });

  test('apart for each reduction class of a device', async () => {
    const paths = await Promise.all(
      (['software', 'gpu'] as const).map(async (reduction) => {
        using other = await Device.open({ reduction });
        return (await TuningFile.of(other, tunableSum(other, { DOWN: 0 }))).path;
      }),
    );
    expect(new Set(paths).size).toBe(2);
    using again = await Device.open();
    expect(paths).toContain((await TuningFile.of(again, tunableSum(again, { DOWN: 0 }))).path);
  });

  test('by a software adapter only on request', async () => {
    if (!device.traits.isSoftware) return;
    expect((await load(undefined)).numMeasured).toBe(0);
  });
});
