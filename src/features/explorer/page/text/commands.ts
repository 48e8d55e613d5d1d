import type { ApiResource } from '../api/discovery.js';
import {
  type ApiRequest,
  isVisible,
  type ListScope,
  type LogQuery,
  type ObjectName,
} from '../api/requests.js';

/** The same request as a command or as code, to copy. One that would have a character that nobody sees is undefined. */
export interface Commands {
  readonly curl: string | undefined;
  readonly kubectl: string | undefined;
  readonly fetch: string | undefined;
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
  | ({ readonly kind: 'object' | 'row' } & ObjectName)
  | ({ readonly kind: 'log' } & ObjectName & LogQuery)
  /** A kubectl command that sends the same request, or nearly the same. */
  | { readonly kind: 'command'; readonly words: readonly string[] }
  | { readonly kind: 'raw' };

/** Commands never contain a token: they read it from the variable TOKEN. */
export function commandsFor(request: ApiRequest, action: Action, target: Target): Commands {
  const visible = (text: string) => (isVisible(text) ? text : undefined);
  return {
    curl: visible(curlOf(request, target)),
    kubectl: visible(kubectlOf(request, action, target)),
    fetch: visible(fetchOf(request, target)),
  };
}

/** A word of a command: a text, which is escaped, or one of the constants, which the shell reads as they are. */
type Word = string | typeof token | typeof authorization;
const token = { raw: '"$TOKEN"' } as const;
const authorization = { raw: '"Authorization: Bearer $TOKEN"' } as const;

function lineOf(words: readonly Word[]): string {
  return words.map(word => (typeof word === 'string' ? shellWord(word) : word.raw)).join(' ');
}

/** One word of a POSIX shell, whatever visible characters it contains. The name of a flag stays readable. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  const flag = /^--[a-z-]+=/.exec(text)?.[0] ?? '';
  return `${flag}'${text.slice(flag.length).replaceAll("'", "'\\''")}'`;
}

function curlOf(
  { method, prefix, apiPath, accept, body }: ApiRequest,
  { base, hasToken, hasOwnAuthority }: Target,
): string {
  const isStream = /[?&](?:watch|follow)=true/.test(apiPath);
  return lineOf([
    'curl',
    ...(hasOwnAuthority ? ['--cacert', authorityFile] : []),
    ...(isStream ? ['-N'] : []),
    ...(method === 'GET' ? [] : ['-X', method]),
    ...(hasToken ? ['-H', authorization] : []),
    ...(accept.includes('as=') ? ['-H', `Accept: ${accept.split(',')[0]}`] : []),
    ...(body === undefined ? [] : ['-H', 'Content-Type: application/json', '-d', body]),
    base + prefix + withoutLimit(apiPath),
  ]);
}

/** The path of a request for the first page of a list, for a program that reads all at once. */
export function withoutLimit(apiPath: string): string {
  const [path = '', query] = apiPath.split('?');
  const pairs = query?.split('&') ?? [];
  if (!pairs.some(isLimit) || pairs.some(pair => pair.startsWith('continue='))) return apiPath;
  const rest = pairs.filter(pair => !isLimit(pair));
  return rest.length === 0 ? path : `${path}?${rest.join('&')}`;
}

function isLimit(pair: string): boolean {
  return pair.startsWith('limit=');
}

function kubectlOf(
  { prefix, apiPath, body }: ApiRequest,
  action: Action,
  { base, hasToken, hasOwnAuthority }: Target,
): string {
  const server = [
    ...['kubectl', '--server', base + prefix],
    ...(hasOwnAuthority ? ['--certificate-authority', authorityFile] : []),
    ...(hasToken ? ['--token', token] : []),
  ];
  if (action.kind === 'raw' && body !== undefined) {
    const create = lineOf([...server, 'create', '--raw', prefix + apiPath, '-f', '-']);
    return `${lineOf(['printf', '%s', body])} | ${create}`;
  }
  // kubectl ignores the path of --server for --raw (client-go `Request.RequestURI`).
  return lineOf([
    ...server,
    ...(action.kind === 'raw' ? ['get', '--raw', prefix + apiPath] : wordsOf(action)),
  ]);
}

function wordsOf(action: Exclude<Action, { readonly kind: 'raw' }>): readonly string[] {
  if (action.kind === 'command') return action.words;
  const { resource, namespace } = action;
  const isWithin = namespace !== '';
  const scope = isWithin ? [`--namespace=${namespace}`] : [];
  if (action.kind === 'log') {
    const { name, container, follow, previous, tailLines } = action;
    return [
      ...['logs', `pod/${name}`, ...scope],
      ...(container === undefined ? [] : [`--container=${container}`]),
      ...(follow === true ? ['--follow'] : []),
      ...(previous === true ? ['--previous'] : []),
      ...(tailLines === undefined ? [] : [`--tail=${tailLines}`]),
    ];
  }
  if ('name' in action) {
    const format = action.kind === 'object' ? ['-o', 'yaml'] : [];
    return ['get', `${typeOf(resource)}/${action.name}`, ...scope, ...format];
  }
  const { labelSelector = '', fieldSelector = '' } = action;
  return [
    ...['get', typeOf(resource)],
    ...(resource.namespaced && !isWithin ? ['--all-namespaces'] : scope),
    ...(labelSelector === '' ? [] : [`--selector=${labelSelector}`]),
    ...(fieldSelector === '' ? [] : [`--field-selector=${fieldSelector}`]),
    ...(action.kind === 'watch' ? ['--watch', '--output-watch-events', '-o', 'json'] : []),
  ];
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
  const call = `await fetch(${script(base + prefix + withoutLimit(apiPath))}${options}`;
  return isText ? `const response = ${call})` : `const answer = await (${call})).json()`;
}

/** A string in single quotes for JavaScript. JSON escapes everything else. */
function script(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
