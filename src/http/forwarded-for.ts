import { copyOf } from '../lib/copy-of.js';
import { isNamed, type RawHeaders } from './header-fields.js';

/** The most addresses and characters that count. No real request passes more proxies. */
const mostAddresses = 64;
const mostCharacters = 4096;

/** X-Forwarded-For of a request, as one list. */
export interface ForwardedFor {
  readonly list: string;
  /** Whether more was sent. */
  readonly isCut: boolean;
}

/**
 * The last 64 addresses of X-Forwarded-For, of at most 4 KB; undefined without the field. Each proxy adds its peer at the end, so what is
 * left out is what the client has written.
 */
export function forwardedFor(headers: RawHeaders): ForwardedFor | undefined {
  let list: string | undefined;
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (!isNamed(headers[index] as string, 'x-forwarded-for')) continue;
    const line = headers[index + 1] as string;
    list = list === undefined ? line : `${line}, ${list}`;
    if (list.length > mostCharacters) break;
  }
  if (list === undefined) return undefined;
  const start = startOfLast(list);
  return start === 0
    ? { list, isCut: false }
    : { list: copyOf(list.slice(start), mostCharacters), isCut: true };
}

/** Where the part of the list begins that counts. An address that is cut does not. */
function startOfLast(list: string): number {
  const earliest = Math.max(0, list.length - mostCharacters);
  let start = list.length;
  let addresses = 0;
  for (let index = list.length - 1; index >= earliest; index -= 1) {
    if (list[index] !== ',') continue;
    start = index + 1;
    addresses += 1;
    if (addresses === mostAddresses) return start;
  }
  return earliest === 0 ? 0 : start;
}
