import { decodedPair, hasTooManyParameters, isTrue, type Query } from '../../kubernetes/query.js';
import { StatusError } from '../../kubernetes/status.js';
import { parseObject } from '../../lib/json.js';

/** The API server sets this label of each namespace to its name, and nobody can change it. */
const nameLabel = 'kubernetes.io/metadata.name';
/** Bytes of the longest target. The API server takes four times as many. */
const longest = 256 * 1024;
/** A selector that selects all (apimachinery `labels.Parse`). Behind a comma it would be an error. */
const blank = /^[ \t\r\n]*$/;

/** The names of all namespaces that a user may get make a request that is too long. */
export function tooManyNames(): StatusError {
  const message =
    'you may not list all namespaces, and the names of those that you may get make a longer request than this proxy, or what is between it and the API server, takes (256 KB)';
  return new StatusError(403, message);
}

/**
 * The target of a list or watch of namespaces with one more selector of labels, so that it finds only these names. The API server takes the
 * first `labelSelector` of a query, so there is one, with the client's selector behind this one: its grammar knows only AND. What the API
 * server's decoder drops is left out. Throws a StatusError.
 *
 * @param without Parameters that are left out besides.
 */
export function namedTarget(target: string, names: readonly string[], without: readonly string[]): string {
  const [path = ''] = target.split('?', 1);
  let selector: string | undefined;
  let rest = '';
  for (const text of target.slice(path.length + 1).split('&')) {
    const pair = text === '' ? undefined : decodedPair(text);
    if (pair === undefined) continue;
    if (pair.name === 'labelSelector') selector ??= pair.value;
    else if (!without.includes(pair.name)) rest += `&${text}`;
  }
  const own = names.length === 0 ? `!${nameLabel}` : `${nameLabel}+in+(${names.join(',')})`;
  const clients = blank.test(selector ?? '') ? '' : `,${encodeURIComponent(selector as string)}`;
  const query = `labelSelector=${own}${clients}${rest}`;
  if (path.length + query.length >= longest) throw tooManyNames();
  // With more of them, newer API servers read no parameter at all.
  if (hasTooManyParameters(query)) throw new StatusError(400, 'the query has too many parameters');
  return `${path}?${query}`;
}

/** From when a list or watch wants its namespaces. */
export interface Asked {
  /** Whether it wants the past: what was at a version, or what has been since. Otherwise it gets the state of this version or of a later one. */
  readonly isPast: boolean;
  /** Undefined if it names none that counts; of the past, if it cannot be trusted. 0 is any version. */
  readonly version: bigint | undefined;
}

/** Undefined for what is no version: apiserver's `ParseResourceVersion` reads a uint64. */
export function parseVersion(text: string): bigint | undefined {
  const digits = /^0*(\d{1,20})$/.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}

/** Reads the parameters as the API server does (apiserver `ListOptions`): the first value of each counts. */
export function askedVersion(isWatch: boolean, parameters: Query): Asked {
  const first = (name: string) => parameters.get(name)?.[0] ?? '';
  const token = first('continue');
  if (!isWatch && token !== '') return { isPast: true, version: versionOfToken(token) };
  const version = parseVersion(first('resourceVersion'));
  const isPast = isWatch ? !isTrue(parameters.get('sendInitialEvents')?.[0]) : isExact(first);
  if (!isPast || version === undefined) return { isPast: false, version };
  if (version !== 0n) return { isPast, version };
  // The API server rejects it together with another match.
  return { isPast: false, version: first('resourceVersionMatch') === '' ? version : undefined };
}

/** Whether a list is about its version exactly: pages are, unless the request says otherwise. */
function isExact(first: (name: string) => string): boolean {
  const match = first('resourceVersionMatch');
  return match === '' ? !/^0*$/.test(first('limit')) : match !== 'NotOlderThan';
}

/**
 * The version of a token of apiserver's `storage.EncodeContinue`. Undefined for anything that Go might read in another way, and for a version
 * below 0, with which a list goes on in the newest state.
 */
function versionOfToken(token: string): bigint | undefined {
  const bytes = Buffer.from(token, 'base64url');
  const content = parseObject(bytes.toString('utf8'));
  if (bytes.toString('base64url') !== token || content === undefined) return undefined;
  // Go's encoding/json takes names in any case.
  const names = Object.keys(content).filter(name => name.toLowerCase() === 'rv');
  const version = content['rv'];
  if (names.length !== 1 || !Number.isSafeInteger(version) || (version as number) < 0) return undefined;
  return BigInt(version as number);
}
