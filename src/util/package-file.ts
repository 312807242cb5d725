// Places of the package's files that are no code: shaders and models. This module derives them from its own place, src/util in
// the repository and dist/src/util in the package, so that one check reports a bundler that moved it.
import { RoseinferError } from './errors.ts';

/** Place of this module in the package. */
const BUILT = /\/dist\/src\/util\/package-file\.js$/;

/**
 * Locates a file of the package by its path from the package's directory.
 *
 * @throws RoseinferError where modules do not know their place, as in a program that was bundled as CommonJS.
 */
export function packageFile(path: string): URL {
  const { url } = import.meta;
  if (url === undefined) {
    const remedy = 'bundle as ES modules, or let the bundler leave roseinfer out (as external)';
    throw new RoseinferError(`import.meta.url is undefined, expected the place of roseinfer's files: ${remedy}`);
  }
  return new URL(`${BUILT.test(url) ? '../../../' : '../../'}${path}`, url);
}
