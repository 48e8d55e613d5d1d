import net from 'node:net';
import { domainToASCII } from 'node:url';
import type { Target } from './proxy-url.js';

/**
 * Whether a server is reached without the environment's proxy, as golang.org/x/net/http/httpproxy decides it. Localhost and loopback
 * addresses always are. The comma-separated entries of NO_PROXY can be: `*`; a CIDR range; an address; a name, which includes its
 * subdomains; `.name` and `*.name` for subdomains only. All of these except ranges may end with `:port`.
 */
export function isExcludedFromProxy({ hostname, port }: Target, noProxy: string): boolean {
  const host = hostname.toLowerCase();
  if (host === 'localhost' || includes('127.0.0.0/8', host) || includes('::1', host)) return true;
  return noProxy.split(',').some(entry => matches(entry.trim().toLowerCase(), host, String(port)));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*' || includes(entry, host)) return true;
  // As Go's net.SplitHostPort: an IPv6 address with a port has brackets, one without a port has none.
  const split = /^(?:\[([^[\]]*)\]|([^:[\]/]*)):([^:[\]]*)$/.exec(entry);
  const name = split === null ? entry : (split[1] ?? split[2] ?? '');
  const onlyPort = split?.[3] ?? '';
  if (name === '' || (onlyPort !== '' && onlyPort !== port)) return false;
  return includes(name, host) || matchesDomain(name.startsWith('*.') ? name.slice(1) : name, host);
}

function matchesDomain(domain: string, name: string): boolean {
  const isSubdomainOnly = domain.startsWith('.');
  const bare = isSubdomainOnly ? domain.slice(1) : domain;
  // The host name of a URL is already in ASCII form. An entry without an ASCII form never matches.
  const ascii = /[^ -~]/.test(bare) ? domainToASCII(bare) || bare : bare;
  return name.endsWith(`.${ascii}`) || (!isSubdomainOnly && name === ascii);
}

/** Whether a host is an address in this CIDR range, or this address. An IPv4-mapped IPv6 address counts as the IPv4 address. */
function includes(range: string, host: string): boolean {
  const [, start = '', digits] = /^([^/]+)(?:\/(\d+))?$/.exec(range) ?? [];
  const family = familyOf(start);
  const ofHost = familyOf(host);
  if (family === undefined || ofHost === undefined) return false;
  // For a BlockList, ::/0 contains IPv4 addresses; for Go it does not.
  if (family === 'ipv6' && ofHost === 'ipv4' && !start.startsWith('::ffff:')) return false;
  const longest = family === 'ipv4' ? 32 : 128;
  const prefix = Number(digits ?? longest);
  if (prefix > longest) return false;
  const list = new net.BlockList();
  list.addSubnet(start, prefix, family);
  return list.check(host, ofHost);
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  if (net.isIPv4(address)) return 'ipv4';
  return net.isIPv6(address) && !address.includes('%') ? 'ipv6' : undefined;
}
