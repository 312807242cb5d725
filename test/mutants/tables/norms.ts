// Quick tables of the norms: one function makes those of either kind.
import { Device } from '../../../src/gpu/device.ts';
import { LAYERNORM } from '../../support/kernels/layernorm-case.ts';
import {
  checkEpsilon,
  checkNaiveNorm,
  checkNorm,
  checkNormOrder,
  checkRowsAlone,
  type Norm,
} from '../../support/kernels/norm-checks.ts';
import { RMSNORM } from '../../support/kernels/rmsnorm-case.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

/** Checks a norm in the class of the device. */
async function checkNorms(device: Device, replace: Replace, norm: Norm, lengths: readonly number[]): Promise<void> {
  const kernel = replace(norm.kernel);
  for (const C of lengths) await checkNorm(device, norm, C, kernel);
  await checkNormOrder(device, norm, kernel);
  await checkEpsilon(device, norm, kernel);
  await checkRowsAlone(device, norm, 60, kernel);
}

/** Makes the tables of a norm, whose kernels start from a shader for each class and a plain one. */
function tablesOfNorm(norm: Norm): readonly Table[] {
  const { name } = norm.kernel;
  return [
    { shaders: [name], check: (device, replace) => checkNorms(device, replace, norm, [1, 33, 257]) },
    {
      shaders: [`${name}_wide`],
      check: async (_, replace) => {
        using device = await Device.open({ reduction: 'gpu' });
        await checkNorms(device, replace, norm, [1, 257, 2309]);
      },
    },
    {
      shaders: [norm.naive.name],
      check: async (device, replace) => {
        for (const C of [1, 33, 257]) await checkNaiveNorm(device, norm, C, replace(norm.naive));
      },
    },
  ];
}

/** Tables of layer norm and RMS norm. */
export const NORM_TABLES: readonly Table[] = [LAYERNORM, RMSNORM].flatMap(tablesOfNorm);
