// The flags of an engine that answers lines, which a batch has without a queue and a worker always.
import type { InferredOptionTypes } from 'yargs';
import { chatTemplateFlag, modelFlags, nameFlag, sizeFlags, tuneFlag } from '../../terminal/flags.ts';

/** Flags of the engine and its model. */
export const engineFlags = {
  'served-model-name': {
    ...nameFlag('served-model-name'),
    describe: 'name of the model in calls; by default the last part of --model',
  },
  ...sizeFlags,
  ...modelFlags,
  ...chatTemplateFlag,
  ...tuneFlag,
};

/** Values of the flags of an engine. */
export type EngineArgs = InferredOptionTypes<typeof engineFlags>;
