// Formats of strings as regular expressions. Each reads fewer texts than its standard allows, and no other: 29 February and
// leap seconds are left out, hosts have letters, digits and single hyphens.

const DAY =
  '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))';
const DATE = `[0-9]{4}-${DAY}`;
const TIME = '(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+\\-](?:[01][0-9]|2[0-3]):[0-5][0-9])';
const LABEL = '[a-z0-9]{1,20}(?:-[a-z0-9]{1,20})?';
// A last part of digits would be that of an address.
const HOST = `(?:${LABEL}\\.){0,4}[a-z]${LABEL}`;
const BYTE = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const WORDS = '[A-Za-z0-9_~\\-]{1,20}';

/** Format → regular expression of a whole text. */
export const FORMATS: ReadonlyMap<string, string> = new Map([
  ['date', DATE],
  ['time', TIME],
  ['date-time', `${DATE}T${TIME}`],
  ['duration', 'P(?:[0-9]{1,4}W|[0-9]{1,4}D(?:T[0-9]{1,4}H)?|[0-9]{1,4}M|[0-9]{1,4}Y|T[0-9]{1,4}[HMS])'],
  ['email', `[a-z0-9]{1,20}(?:[._+\\-][a-z0-9]{1,20}){0,3}@(?:${LABEL}\\.){1,3}[a-z]${LABEL}`],
  ['hostname', HOST],
  ['ipv4', `${BYTE}(?:\\.${BYTE}){3}`],
  ['ipv6', '[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}'],
  ['uri', `https?://${HOST}(?::[1-9][0-9]{0,3})?(?:/${WORDS}){0,8}/?(?:\\?${WORDS}=${WORDS})?(?:#${WORDS})?`],
  ['uuid', '[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'],
]);
