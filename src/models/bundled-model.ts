// The model that comes with the package: its name, which leads to it from any folder, and its directory.
import { fileURLToPath } from 'node:url';
import { packageFile } from '../util/package-file.ts';

/** Name of the bundled model. */
export const BUNDLED_NAME = 'weights/tales';

/** Directory of the bundled model. */
export const BUNDLED_MODEL = fileURLToPath(packageFile(BUNDLED_NAME));
