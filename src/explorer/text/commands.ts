import type { ApiResource } from '../api/discovery.js';
import type { ApiRequest, ListScope, LogQuery, ObjectName } from '../api/requests.js';

/** The same request as a command or as code, to copy. */
export interface Commands {
  readonly curl: string;
  readonly kubectl: string;
  readonly fetch: string;
}

/** Where a request goes, and whether a token goes with it. */
export interface Target {
  /** URL of the proxy, as the page was reached, without a final slash. */
  readonly base: string;
  readonly hasToken: boolean;
  /** Whether the client has to be told the authority of the proxy's certificate, as a file `ca.crt`. */
  readonly hasOwnAuthority: boolean;
}

/** The file with the authority of the proxy's certificate. */
const authorityFile = 'ca.crt';

/** The words of a kubectl command, without the server and the token. */
export type Action =
  | ({ readonly kind: 'list' | 'watch' } & ListScope)
  | ({ readonly kind: 'object' } & ObjectName)
  | ({ readonly kind: 'log' } & ObjectName & LogQuery)
  /** A kubectl command that sends the same request, or nearly the same. */
  | { readonly kind: 'command'; readonly words: readonly string[] }
  | { readonly kind: 'raw' };

/** Commands never contain a token: they read it from the variable TOKEN. */
export function commandsFor(request: ApiRequest, action: Action, target: Target): Commands {
  return {
    curl: curlOf(request, target),
    kubectl: kubectlOf(request, action, target),
    fetch: fetchOf(request, target),
  };
}

/** One word of a POSIX shell, whatever characters it contains. NUL cannot be in an argument of a program. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll('\0', '').replaceAll("'", "'\\''")}'`;
}

function curlOf(
  { method, prefix, apiPath, accept, body }: ApiRequest,
  { base, hasToken, hasOwnAuthority }: Target,
): string {
  const isStream = /[?&](?:watch|follow)=true/.test(apiPath);
  return [
    'curl',
    ...(hasOwnAuthority ? ['--cacert', authorityFile] : []),
    ...(isStream ? ['-N'] : []),
    ...(method === 'GET' ? [] : ['-X', method]),
    ...(hasToken ? ['-H', '"Authorization: Bearer $TOKEN"'] : []),
    ...(accept.includes('as=') ? ['-H', shellWord(`Accept: ${accept.split(',')[0]}`)] : []),
    ...(body === undefined ? [] : ['-H', "'Content-Type: application/json'", '-d', shellWord(body)]),
    shellWord(base + prefix + apiPath),
  ].join(' ');
}

function kubectlOf(
  { prefix, apiPath, body }: ApiRequest,
  action: Action,
  { base, hasToken, hasOwnAuthority }: Target,
): string {
  const server = [
    ...['kubectl', '--server', shellWord(base + prefix)],
    ...(hasOwnAuthority ? ['--certificate-authority', authorityFile] : []),
    ...(hasToken ? ['--token "$TOKEN"'] : []),
  ];
  if (action.kind === 'command') return [...server, ...action.words.map(shellWord)].join(' ');
  if (action.kind === 'raw') {
    // kubectl ignores the path of --server here (client-go `Request.RequestURI`).
    const path = shellWord(prefix + apiPath);
    if (body === undefined) return [...server, 'get', '--raw', path].join(' ');
    return `printf %s ${shellWord(body)} | ${[...server, 'create', '--raw', path, '-f -'].join(' ')}`;
  }
  const { resource, namespace } = action;
  const isWithin = namespace !== '';
  const scope = isWithin ? [`--namespace=${shellWord(namespace)}`] : [];
  if (action.kind === 'log') {
    const { name, container, follow, previous, tailLines } = action;
    return [
      ...[...server, 'logs', shellWord(`pod/${name}`), ...scope],
      ...(container === undefined ? [] : [`--container=${shellWord(container)}`]),
      ...(follow === true ? ['--follow'] : []),
      ...(previous === true ? ['--previous'] : []),
      ...(tailLines === undefined ? [] : [`--tail=${tailLines}`]),
    ].join(' ');
  }
  if (action.kind === 'object') {
    return [...server, 'get', shellWord(`${typeOf(resource)}/${action.name}`), ...scope, '-o yaml'].join(' ');
  }
  const { labelSelector = '', fieldSelector = '' } = action;
  return [
    ...[...server, 'get', typeOf(resource)],
    ...(resource.namespaced && !isWithin ? ['--all-namespaces'] : scope),
    ...(labelSelector === '' ? [] : [`--selector=${shellWord(labelSelector)}`]),
    ...(fieldSelector === '' ? [] : [`--field-selector=${shellWord(fieldSelector)}`]),
    ...(action.kind === 'watch' ? ['--watch --output-watch-events -o json'] : []),
  ].join(' ');
}

/** A resource as kubectl distinguishes it from others of the same name: `deployments.v1.apps`. */
function typeOf(resource: ApiResource): string {
  const { group, version, name } = resource;
  return group === '' ? name : `${name}.${version}.${group}`;
}

function fetchOf({ method, prefix, apiPath, accept, body }: ApiRequest, { base, hasToken }: Target): string {
  const headers = [
    ...(accept.includes('as=') ? [`Accept: ${script(accept.split(',')[0] as string)}`] : []),
    ...(hasToken ? ["Authorization: 'Bearer ' + token"] : []),
    ...(body === undefined ? [] : ["'Content-Type': 'application/json'"]),
  ];
  const init = [
    ...(method === 'GET' ? [] : [`method: ${script(method)}`]),
    ...(headers.length === 0 ? [] : [`headers: { ${headers.join(', ')} }`]),
    ...(body === undefined ? [] : [`body: ${script(body)}`]),
  ];
  const options = init.length === 0 ? '' : `, { ${init.join(', ')} }`;
  const isText = !accept.includes('json') || /[?&](?:watch|follow)=true/.test(apiPath);
  const read = isText ? '' : ')).json()';
  const call = `await fetch(${script(base + prefix + apiPath)}${options}`;
  return isText ? `const response = ${call})` : `const answer = await (${call}${read}`;
}

/** A string in single quotes for JavaScript. JSON escapes everything else. */
function script(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
