// A part of a record: conditions, constants, sizes and the like are records by name, of which some names are wanted.

/** Takes the entries of a record that a function accepts. */
export function filterEntries<T>(
  record: Readonly<Record<string, T>>,
  accepts: (name: string, value: T) => boolean,
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([name, value]) => accepts(name, value)));
}
