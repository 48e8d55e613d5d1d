import type { RequestHead } from '../http/request-head.js';
import { SmallMap } from '../lib/bounded-maps.js';
import { copyOf } from '../lib/copy-of.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import type { FilterSwitch } from './filter.js';
import { type Check, everyMount, type Guard } from './guard.js';
import { type RegexpList, regexpList } from './regexp-list.js';
import { Rejection } from './rejection.js';

const options = defineOptions('Filter', {
  acceptHosts: {
    type: regexpList,
    default: '^localhost$,^127\\.0\\.0\\.1$,^\\[::1\\]$',
    help: 'Hosts, without port, that are accepted in the Host header.',
  },
});

/** A request names a host that `--accept-hosts` accepts. */
export const host = {
  name: 'host',
  stage: 'page',
  options,
  reasons: ['host', 'bad_request'],
  judges: everyMount,
  create({ acceptHosts, disableFilter }: OptionValues<typeof options> & FilterSwitch): Check | undefined {
    if (disableFilter) return undefined;
    const check = createHostCheck(acceptHosts);
    return request => check(request.head);
  },
} as const satisfies Guard;

/** A host name, IPv4 address or bracketed IPv6 address, and a port (RFC 3986, section 3.2, without userinfo). */
const hostAndPort = /^(\[[0-9a-fA-F:.]+\]|[^\s@/\\?#:[\],]+)(?::(\d*))?$/;

/**
 * Rejects hosts that `--accept-hosts` does not accept. This keeps out a web page that points its own name at this address (DNS rebinding).
 * An expression is tried on the host without its port, and on an IPv6 address with and without its brackets: kubectl's own default for
 * `[::1]` never matches a host with a port.
 */
export function createHostCheck(accepted: RegexpList): (head: RequestHead) => void {
  // Nearly all requests have the same few hosts; this keeps the expressions off the hot path.
  const known = new SmallMap<true>();
  return ({ host = '' }) => {
    if (known.has(host)) return;
    if (!spellings(host).some(spelling => accepted.matches(spelling))) {
      throw new Rejection(
        403,
        'host',
        `Host "${printable(host)}" is not accepted; allow it with --accept-hosts`,
      );
    }
    known.set(host, true);
  };
}

/** The forms of one host that an expression may be written for. Case and a final dot have no meaning (RFC 4343, RFC 1034). */
function spellings(header: string): string[] {
  if (header === '') return [''];
  const match = hostAndPort.exec(header);
  if (match === null) {
    throw new Rejection(
      400,
      'bad_request',
      `Host "${printable(header)}" is not a host name with an optional port`,
    );
  }
  const asSent = match[1] as string;
  const host = asSent.toLowerCase().replace(/\.$/, '');
  return host.startsWith('[') ? [host, host.slice(1, -1)] : [host, asSent];
}

function printable(text: string): string {
  return copyOf(text, 200).replace(/[^ -~]/g, '?');
}
