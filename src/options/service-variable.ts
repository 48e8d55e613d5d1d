import { isIP } from 'node:net';

/**
 * The names of the variables that the kubelet's `envvars.FromServices` sets for one Service, by how they end. They begin with the Service's
 * name in capitals with underscores. The first two kinds are those of Kubernetes. The others are those of Docker's links, where `PORT` is
 * the first port.
 */
const shapes: readonly (readonly [name: RegExp, isValue: (value: string) => boolean])[] = [
  [/_SERVICE_HOST$/, isAddress],
  [/_SERVICE_PORT(?:_[A-Z0-9_]+)?$/, isPort],
  [/_PORT$/, isLink],
  [/_PORT_\d{1,5}_(?:TCP|UDP|SCTP)$/, isLink],
  [/_PORT_\d{1,5}_(?:TCP|UDP|SCTP)_PROTO$/, value => /^(?:tcp|udp|sctp)$/.test(value)],
  [/_PORT_\d{1,5}_(?:TCP|UDP|SCTP)_PORT$/, isPort],
  [/_PORT_\d{1,5}_(?:TCP|UDP|SCTP)_ADDR$/, isAddress],
];

/**
 * Whether a variable, by its name and value, is one that the kubelet sets in every container for a Service of the Pod's namespace. For
 * example, `KUBE_API_PROXY_ADMIN_PORT=tcp://10.0.0.1:80` is for a Service kube-api-proxy-admin, but `KUBE_API_PROXY_ADMIN_PORT=8002` is
 * not.
 */
export function isServiceVariable(name: string, value: string): boolean {
  return shapes.some(([shape, isValue]) => shape.test(name) && isValue(value));
}

function isAddress(value: string): boolean {
  return isIP(value) !== 0;
}

function isPort(value: string): boolean {
  return /^\d{1,5}$/.test(value);
}

/** A value such as `tcp://10.0.0.1:80`. An IPv6 address is in brackets, but older kubelets wrote it without. */
function isLink(value: string): boolean {
  const [, address = ''] = /^(?:tcp|udp|sctp):\/\/(.+):\d{1,5}$/.exec(value) ?? [];
  return isAddress(address.replace(/^\[(.*)\]$/, '$1'));
}
