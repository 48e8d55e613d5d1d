import net, { type AddressInfo, BlockList } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { RegexpList } from '../../guard/regexp-list.js';
import { hostOf } from '../../kubeconfig/server-address.js';
import type { ServerAddress } from '../../kubeconfig/types.js';
import type { RefuseAddress } from '../../transport/dial/name-lookup.js';
import { UpstreamError } from '../../transport/upstream-error.js';

/** Which servers others may name. */
export interface ServerRules {
  /** Their hosts. An empty list allows all. */
  readonly hosts: RegexpList;
  /** Where this process listens now. */
  readonly listeners: () => readonly AddressInfo[];
}

/** This machine, this network, and metadata services of clouds; and those of several machines. */
const refusedRanges = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4'],
  ...['100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
  ...['::/128', '::1/128', 'fe80::/10', 'fd00:ec2::/32', 'ff00::/8'],
];
const refused = rangesOf(refusedRanges);

/**
 * Ranges of IP addresses. One of IPv4 has its addresses as IPv6 writes them too: mapped (`::ffff:0:0/96`) and compatible (`::/96`), and as
 * translators (`64:ff9b::/96`) and 6to4 (`2002::/16`) reach them.
 */
function rangesOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', length] = range.split('/');
    const prefix = Number(length);
    if (net.isIPv6(address)) {
      list.addSubnet(address, prefix, 'ipv6');
      continue;
    }
    list.addSubnet(address, prefix, 'ipv4');
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
    const words = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
    for (const before of ['::ffff:', '::', '64:ff9b::']) list.addSubnet(before + words, 96 + prefix, 'ipv6');
    list.addSubnet(`2002:${words}::`, 16 + prefix, 'ipv6');
  }
  return list;
}

function includes(list: BlockList, address: string): boolean {
  return list.check(address, net.isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Why a server must not be that of a cluster which others define; undefined if it may, as far as its URL shows. */
export function serverProblem(server: ServerAddress, { hosts }: ServerRules): string | undefined {
  if (hosts.source === '' || hosts.matches(hostNameOf(server))) return undefined;
  return `the host of its server, ${JSON.stringify(hostNameOf(server))}, is not one of --clusters-from-servers`;
}

/**
 * Judges the addresses of a server that others have named, for each connection. Refused are loopback, link-local, multicast and unspecified
 * addresses, those of metadata services of clouds, and where this process listens. A host that is a loopback address is allowed if one of
 * the expressions matches it; a name that resolves to one never is.
 */
export function judgeAddresses(server: ServerAddress, { hosts, listeners }: ServerRules): RefuseAddress {
  const isAllowed = (address: string) =>
    address === server.hostname && /^(?:127\.|::1$)/.test(address) && hosts.matches(hostNameOf(server));
  return address => {
    const isRefused = net.isIP(address) === 0 || (includes(refused, address) && !isAllowed(address));
    if (!isRefused && !includes(ownAddresses(listeners(), server.port), address)) return undefined;
    const what = `its address ${address} is refused for a cluster that was found`;
    return new UpstreamError(502, 'address', `the API server at ${hostOf(server)} cannot be used: ${what}`);
  };
}

/** The host of a server's URL, with brackets around an IPv6 address. */
function hostNameOf({ hostname }: ServerAddress): string {
  return hostname.includes(':') ? `[${hostname}]` : hostname;
}

/** The addresses of this machine at which this process listens on a port. */
function ownAddresses(listeners: readonly AddressInfo[], port: number): BlockList {
  const bound = listeners.filter(listener => listener.port === port).map(({ address }) => address);
  if (!bound.some(address => ['0.0.0.0', '::'].includes(address))) return rangesOf(bound.map(single));
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? []);
  return rangesOf(['127.0.0.0/8', ...all.map(({ address }) => single(address))]);
}

function single(address: string): string {
  return `${address}/${net.isIPv6(address) ? 128 : 32}`;
}
