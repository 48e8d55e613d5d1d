import type { CommandProgram } from '../../feature.js';

/** A kind of requests, and what the rules say of it. */
export interface Verdict {
  readonly what: string;
  /** Why a rule refuses them; undefined if none does. */
  readonly refusal: string | undefined;
}

const writes = ['POST', 'PUT', 'PATCH', 'DELETE'];
const portForward = 'port-forward';
/** kubectl upgrades a GET, and a POST for older API servers. */
const upgrades = ['GET', 'POST'];

/** Asks the rules about the kinds of requests by which people think, in one namespace. Nothing is sent. */
export function verdictsOf({ rejectionOf }: Pick<CommandProgram, 'rejectionOf'>, namespace: string) {
  const within = (path: string) => `/api/v1/namespaces/${encodeURIComponent(namespace)}/${path}`;
  const other = namespace === 'kube-system' ? 'default' : 'kube-system';
  const kinds: readonly (readonly [what: string, target: string, methods?: readonly string[]])[] = [
    ['reads', within('pods')],
    ['Secrets', within('secrets')],
    ['logs', within('pods/name/log')],
    ['writes', within('configmaps/name'), writes],
    ['exec', within('pods/name/exec'), upgrades],
    ['attach', within('pods/name/attach'), upgrades],
    [portForward, within('pods/name/portforward'), upgrades],
    ['web pages of Pods', within('pods/name/proxy/')],
    [`namespace ${other}`, `/api/v1/namespaces/${other}/pods`],
    ['what is in no namespace', '/api/v1/nodes'],
  ];
  return kinds.map(([what, target, methods = ['GET']]): Verdict => {
    const refusal = methods.map(method => rejectionOf(method, target)).find(text => text !== undefined);
    return { what, refusal };
  });
}

/** What is guarded, in one line. */
export function startLine(way: string, verdicts: readonly Verdict[]): string {
  const refused = verdicts.filter(({ refusal }) => refusal !== undefined);
  // With a rule that refuses every upgrade, such as --read-only, that flag would allow nothing.
  const isDefault =
    refused.some(({ refusal }) => refusal?.includes('--reject-paths=')) &&
    !refused.some(({ what }) => what === portForward);
  return [
    `${way}: `,
    refused.length === 0 ? 'nothing is refused' : `refused are ${refused.map(({ what }) => what).join(', ')}`,
    isDefault ? '; --reject-paths= allows exec and attach' : '',
  ].join('');
}

/** What would be allowed, one line each. */
export function ruleLines(verdicts: readonly Verdict[]): readonly string[] {
  return verdicts.map(
    ({ what, refusal }) => `${what}: ${refusal === undefined ? 'allowed' : `refused: ${refusal}`}`,
  );
}
