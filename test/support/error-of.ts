// Errors as values: a test looks at the class, the fields and the message of one.

/** Runs `action`, which must fail; returns its error. */
export async function errorOf(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}
