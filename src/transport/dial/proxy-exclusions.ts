import net from 'node:net';
import { domainToASCII } from 'node:url';

/** A host as NO_PROXY's entries look at it. */
interface Host {
  readonly name: string;
  readonly port: string;
  readonly address: Address | undefined;
}

/** An IP address in its one canonical spelling; an IPv4-mapped IPv6 address is the IPv4 address. */
interface Address {
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';
}

/**
 * Whether a server is reached without the environment's proxy, as golang.org/x/net/http/httpproxy decides it: localhost
 * and loopback addresses always; of NO_PROXY's comma-separated entries `*`, CIDR ranges, addresses, names with their
 * subdomains, `.name` and `*.name` for subdomains only; all but ranges with an optional `:port`.
 */
export function isExcludedFromProxy(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  noProxy: string,
): boolean {
  const host: Host = { name: hostname.toLowerCase(), port: String(port), address: parseAddress(hostname) };
  if (host.name === 'localhost' || isLoopback(host.address)) return true;
  return noProxy.split(',').some(entry => matches(entry.trim().toLowerCase(), host));
}

function matches(entry: string, host: Host): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  const range = parseRange(entry);
  if (range !== undefined) return host.address !== undefined && range(host.address);
  // Go's net.SplitHostPort: an IPv6 address with a port is in brackets, one without a port is not.
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
  // URLs hold a name in its ASCII form already; what has none never matches.
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
  // A BlockList would find IPv4 addresses in ::/0; Go does not.
  return ({ text, family }) => family === network.family && list.check(text, family);
}
