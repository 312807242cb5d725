// The kernels that only a step takes of which points are read or changed, in one object, so that tests can plant faults in them.
import { attentionEdited, attentionPattern } from '../kernels/attention/attention-pattern.ts';
import { copyColumns } from '../kernels/copy-columns/copy-columns.ts';
import { editRows } from '../kernels/edit-rows/edit-rows.ts';

/** The kernels of probes. */
export const probeKernels = { copyColumns, editRows, attentionPattern, attentionEdited };

/** The kernels of probes by name. */
export type ProbeKernels = typeof probeKernels;
