import type { IncomingMessage } from 'node:http';
import { fieldValue } from '../http/header-fields.js';
import { Refusal } from './refusal.js';
import type { RegexpList } from './regexp-list.js';

/** Judges a request by its Host header; throws a Refusal. */
export type HostGuard = (request: IncomingMessage) => void;

/** A host name, IPv4 address or bracketed IPv6 address, and a port (RFC 3986, section 3.2, without userinfo). */
const hostAndPort = /^(\[[0-9a-fA-F:.]+\]|[^\s@/\\?#:[\],]+)(?::(\d*))?$/;

/** Refuses more than one Host header, among which HTTP/2's `:authority` counts, and none but in HTTP/1.0 (RFC 9112, section 3.2). */
export function refuseUncertainHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) {
    const what = httpVersion === '2.0' ? ':authority and Host that differ' : 'more than one Host header';
    throw new Refusal(400, 'bad_request', `the request has ${what}`);
  }
  if (hosts === 0 && httpVersion !== '1.0') {
    throw new Refusal(400, 'bad_request', 'the request has no Host header');
  }
}

/**
 * Refuses hosts that are not in `--accept-hosts`: it is what keeps a web page, whose own name was pointed at this
 * address (DNS rebinding), out. An expression is tried on the host without its port, an IPv6 address with and without its
 * brackets (kubectl's own default for `[::1]` never matches once there is a port).
 */
export function createHostGuard(accepted: RegexpList): HostGuard {
  // Nearly every request carries the same few hosts; a small set keeps the expressions off the hot path.
  const known = new Set<string>();
  return ({ rawHeaders }) => {
    const host = fieldValue(rawHeaders, 'host') ?? '';
    if (known.has(host)) return;
    if (!spellings(host).some(spelling => accepted.matches(spelling))) {
      throw new Refusal(
        403,
        'host',
        `Host "${printable(host)}" is not accepted; allow it with --accept-hosts`,
      );
    }
    if (known.size < 64) known.add(host);
  };
}

/** The forms of one host that an expression may be written for; by RFC 4343 and RFC 1034 case and a final dot mean nothing. */
function spellings(header: string): string[] {
  if (header === '') return [''];
  const match = hostAndPort.exec(header);
  if (match === null) {
    throw new Refusal(
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
  return text.slice(0, 200).replace(/[^ -~]/g, '?');
}
