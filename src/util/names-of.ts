// The names of a record with their type: `Object.keys` only says that they are texts.

/** Lists the names of a record in its order. */
export function namesOf<T extends object>(record: T): Extract<keyof T, string>[] {
  const names: Extract<keyof T, string>[] = [];
  for (const name in record) names.push(name);
  return names;
}
