// Error of a GGUF file, apart from its readers, each of which throws it.
import { ModelFileError, type Problem } from '../../util/model-file-error.ts';

/** A GGUF file that is missing, truncated, contradicts itself or is of a kind that is not supported. */
export class GGUFError extends ModelFileError {}

/** A GGUF file that ends before what its header says is in it. */
export class GGUFCutError extends GGUFError {}

/** Makes the error of a problem of one file. */
export type FailGGUF = (problem: Problem) => GGUFError;
