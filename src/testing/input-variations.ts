// Other inputs than the caller's, for kernels with a reference: values that a mistake may hide behind are put among them.
import type { TensorData } from '../gpu/tensor-data.ts';
import { permutation } from '../util/random-values.ts';
import type { HostOperand } from './host-operands.ts';

/**
 * Variation of the float inputs. `outliers`: one element in 16 is 1,000 times as large. `constant-rows`: each row repeats its first
 * element. `nan`: one element of one input is NaN, which must not vanish where it does not in the reference.
 */
export type InputVariation = 'outliers' | 'constant-rows' | 'nan';

/** All variations. */
export const INPUT_VARIATIONS: readonly InputVariation[] = ['outliers', 'constant-rows', 'nan'];

/** Operands with other inputs. */
export interface VariedOperands {
  /** For messages: `outliers in x, w`. */
  readonly label: string;
  readonly variation: InputVariation;
  readonly operands: readonly HostOperand[];
}

const OUTLIER = 1000;
/** Elements for each that is an outlier. */
const OUTLIER_STEP = 16;
const SEED = 1;

/**
 * Makes the variations of some operands.
 *
 * @param asked those of the caller, of all float inputs; `auto` for all, where outliers are left out of an input without values of both
 * signs: it may be probabilities, positions or scales, of which a thousandfold is none.
 */
export function variationsOf(
  operands: readonly HostOperand[],
  asked: 'auto' | readonly InputVariation[],
): VariedOperands[] {
  const list = asked === 'auto' ? INPUT_VARIATIONS : asked;
  const floats = operands.filter(({ data, meta }) => isFloat(data) && data.length > 0 && 'dtype' in meta);
  return list.flatMap((variation): VariedOperands[] => {
    const inputs =
      variation === 'outliers' && asked === 'auto' ? floats.filter(({ data }) => hasBothSigns(data)) : floats;
    // NaN in one input may hide that another's has vanished.
    const groups = variation === 'nan' ? inputs.map((input) => [input]) : inputs.length === 0 ? [] : [inputs];
    return groups.map((group) => ({
      variation,
      label: `${LABELS[variation]} ${group.map(({ name }) => name).join(', ')}`,
      operands: operands.map((operand) => (group.includes(operand) ? varied(operand, variation) : operand)),
    }));
  });
}

const LABELS: Readonly<Record<InputVariation, string>> = {
  outliers: `outliers (× ${OUTLIER}) in`,
  'constant-rows': 'constant rows in',
  nan: 'a NaN in',
};

function isFloat(data: TensorData | null): data is Float32Array | Float16Array {
  return data instanceof Float32Array || data instanceof Float16Array;
}

function hasBothSigns(data: TensorData | null): boolean {
  return isFloat(data) && data.some((value) => value < 0) && data.some((value) => value > 0);
}

function varied(operand: HostOperand, variation: InputVariation): HostOperand {
  const { data, shape } = operand;
  if (!isFloat(data)) return operand;
  const copy = data.slice();
  const width = Math.max(shape.at(-1) ?? 1, 1);
  switch (variation) {
    case 'outliers':
      for (const i of permutation(SEED, copy.length).slice(0, Math.ceil(copy.length / OUTLIER_STEP))) {
        copy[i] = OUTLIER * (copy[i] ?? 0);
      }
      break;
    case 'constant-rows':
      for (let i = 0; i < copy.length; i++) copy[i] = data[i - (i % width)] ?? 0;
      break;
    case 'nan':
      copy[permutation(SEED, copy.length)[0] ?? 0] = Number.NaN;
      break;
  }
  return { ...operand, data: copy };
}
