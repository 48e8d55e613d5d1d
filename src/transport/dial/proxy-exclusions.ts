import net from 'node:net';
import { domainToASCII } from 'node:url';
import type { Target } from './proxy-url.js';

/** A host in the form that NO_PROXY's entries are compared with. */
interface Host {
  readonly name: string;
  readonly port: string;
  readonly address: Address | undefined;
}

/** An IP address in canonical form. An IPv4-mapped IPv6 address becomes the IPv4 address. */
interface Address {
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';
}

/**
 * Whether a server is reached without the environment's proxy, as golang.org/x/net/http/httpproxy decides it. Localhost and loopback
 * addresses always are. The comma-separated entries of NO_PROXY can be: `*`; a CIDR range; an address; a name, which includes its
 * subdomains; `.name` and `*.name` for subdomains only. All of these except ranges may end with `:port`.
 */
export function isExcludedFromProxy({ hostname, port }: Target, noProxy: string): boolean {
  const host: Host = { name: hostname.toLowerCase(), port: String(port), address: parseAddress(hostname) };
  if (host.name === 'localhost' || isLoopback(host.address)) return true;
  return noProxy.split(',').some(entry => matches(entry.trim().toLowerCase(), host));
}

function matches(entry: string, host: Host): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  const range = parseRange(entry);
  if (range !== undefined) return host.address !== undefined && range(host.address);
  // As Go's net.SplitHostPort: an IPv6 address with a port has brackets, one without a port has none.
  const split = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(entry);
  const name = split === null ? entry : (split[1] ?? split[2] ?? '');
  const port = split?.[3] ?? '';
  if (name === '' || (port !== '' && port !== host.port)) return false;
  const address = parseAddress(name);
  if (address !== undefined) return address.text === host.address?.text;
  return matchesDomain(name.startsWith('*.') ? name.slice(1) : name, host.name);
}

function matchesDomain(domain: string, name: string): boolean {
  const isSubdomainOnly = domain.startsWith('.');
  const bare = isSubdomainOnly ? domain.slice(1) : domain;
  // The host name of a URL is already in ASCII form. An entry without an ASCII form never matches.
  const ascii = /[^ -~]/.test(bare) ? domainToASCII(bare) || bare : bare;
  return name.endsWith(`.${ascii}`) || (!isSubdomainOnly && name === ascii);
}

function parseAddress(text: string): Address | undefined {
  if (net.isIPv4(text)) return { text, family: 'ipv4' };
  if (!net.isIPv6(text) || text.includes('%')) return undefined;
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical);
  if (mapped === null) return { text: canonical, family: 'ipv6' };
  const bytes = [mapped[1], mapped[2]].flatMap(group => {
    const value = Number.parseInt(group as string, 16);
    return [value >> 8, value & 0xff];
  });
  return { text: bytes.join('.'), family: 'ipv4' };
}

function isLoopback(address: Address | undefined): boolean {
  return address?.text === '::1' || (address?.family === 'ipv4' && address.text.startsWith('127.'));
}

function parseRange(entry: string): ((address: Address) => boolean) | undefined {
  const [, start = '', digits = ''] = /^([^/]+)\/(\d+)$/.exec(entry) ?? [];
  const network = parseAddress(start);
  if (network === undefined) return undefined;
  const isMapped = network.family === 'ipv4' && start.includes(':');
  const prefix = Number(digits) - (isMapped ? 96 : 0);
  if (prefix < 0 || prefix > (network.family === 'ipv4' ? 32 : 128)) return undefined;
  const list = new net.BlockList();
  list.addSubnet(network.text, prefix, network.family);
  // For a BlockList, ::/0 contains IPv4 addresses; for Go it does not.
  return ({ text, family }) => family === network.family && list.check(text, family);
}
