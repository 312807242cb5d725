// Error of a checkpoint, apart from the reader that throws it: programs name the error without Node's types.
import { ModelFileError } from '../util/model-file-error.ts';

/** Weights that are missing, doubled, unexplained or don't match the configuration. */
export class CheckpointError extends ModelFileError {}
