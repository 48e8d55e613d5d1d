import type { Random } from '../../../support/random.js';
import { encode, generateListOptions, generateQuery, percentEncoded } from './generated-query.js';
import {
  bodies,
  chunked,
  contentTypes,
  extraKeys,
  groups,
  hostileSegments,
  listPaths,
  methods,
  names,
  namespaces,
  otherPaths,
  plainHeaders,
  rareMethods,
  resources,
  subresources,
  unknownMethods,
  upgrades,
  userGroups,
  usernames,
  utf8,
  versions,
} from './request-parts.js';

/** How a client connects: to an open proxy over HTTP/1.1, or as a user to a gateway. */
export type Route = 'open' | 'gateway over HTTP/1.1' | 'gateway over HTTP/2';

/** A request as a client sends it. In texts, each character is one byte. */
export interface GeneratedRequest {
  readonly route: Route;
  readonly method: string;
  readonly target: string;
  /** Names and values. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  readonly isUpgrade: boolean;
}

const routes: readonly Route[] = [
  'open',
  'open',
  'gateway over HTTP/1.1',
  'gateway over HTTP/2',
  'gateway over HTTP/2',
];

/** A request whose method, path, query, header fields and body an API server and a proxy could read in different ways. */
export function generateRequest(random: Random): GeneratedRequest {
  const route = random.pick(routes);
  const isHttp2 = route === 'gateway over HTTP/2';
  const isUpgrade = !isHttp2 && random.chance(0.08);
  const method = random.chance(0.03)
    ? random.pick(isHttp2 ? [...rareMethods, ...unknownMethods] : rareMethods)
    : random.pick(methods);
  const hasBody = !isUpgrade && random.chance(/^P|^DEL/.test(method) ? 0.5 : 0.03);
  const target = generateTarget(random);
  return {
    route,
    method,
    // Node's parser of HTTP/1.1 refuses such bytes, but for some that are there to be refused.
    target: isHttp2 || random.chance(0.01) ? target : target.replace(/[\x80-\xff]/g, percentEncoded),
    headers: [
      ...(random.chance(0.3) ? [random.pick(plainHeaders)] : []),
      ...(route === 'open' && random.chance(0.3) ? generateImpersonation(random) : []),
      ...(hasBody && random.chance(0.8) ? [['Content-Type', random.pick(contentTypes)] as const] : []),
      ...(hasBody && !isHttp2 && random.chance(0.2) ? random.pick(chunked) : []),
      ...(isUpgrade ? random.pick(upgrades) : []),
    ],
    body: hasBody ? random.pick(bodies) : undefined,
    isUpgrade,
  };
}

function generateImpersonation(random: Random): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  if (random.chance(0.97)) headers.push(['Impersonate-User', random.pick(usernames)]);
  if (random.chance(0.03)) headers.push(['Impersonate-User', random.pick(usernames)]);
  while (random.chance(0.4)) headers.push(['Impersonate-Group', random.pick(userGroups)]);
  if (random.chance(0.2)) headers.push(['Impersonate-Uid', random.pick(['1001', 'u:1', ''])]);
  while (random.chance(0.3)) {
    headers.push([`Impersonate-Extra-${random.pick(extraKeys)}`, random.pick(['a', utf8('größe'), ''])]);
  }
  return headers;
}

function generateTarget(random: Random): string {
  if (random.chance(0.25)) return `${random.pick(listPaths)}?${generateListOptions(random)}`;
  const path = generatePath(random);
  return random.chance(0.5) ? path : `${path}?${generateQuery(random)}`;
}

function generatePath(random: Random): string {
  if (random.chance(0.08)) return random.pick(otherPaths) || '/';
  const segments = resourceSegments(random);
  if (random.chance(0.15)) mutate(segments, random);
  const encoded = segments.map(segment => encode(segment, random, pathSafe));
  let path = `/${encoded.join('/')}`;
  if (random.chance(0.05)) path += '/';
  if (random.chance(0.03)) path = `/${path}`;
  if (random.chance(0.01)) path = path.replace(/\/(?=[^/]*$)/, '%2F');
  if (random.chance(0.005)) path += random.pick(['%', '%4', '%zz', '#x', '\\']);
  return path;
}

function resourceSegments(random: Random): string[] {
  const segments = random.chance(0.5)
    ? ['api', random.pick(versions)]
    : ['apis', random.pick(groups), random.pick(versions)];
  if (random.chance(0.12)) segments.push(random.pick(['watch', 'proxy']));
  if (random.chance(0.6)) segments.push('namespaces', random.pick(namespaces));
  if (random.chance(0.92)) segments.push(random.pick(resources));
  if (random.chance(0.6)) {
    segments.push(random.pick(names));
    if (random.chance(0.4)) segments.push(random.pick(subresources));
    while (random.chance(0.15)) segments.push(random.pick(names));
  }
  return segments;
}

function mutate(segments: string[], random: Random): void {
  const at = random.below(segments.length + 1);
  const choice = random.below(6);
  if (choice === 0) segments.splice(at, 0, '');
  else if (choice === 1) segments.splice(at, 1);
  else if (choice === 2) segments.splice(at, 0, random.pick(segments));
  else if (choice === 3) segments.splice(at, 0, random.pick(hostileSegments));
  else if (choice === 4) segments[at] = (segments[at] ?? '').toUpperCase();
  else segments.splice(at, 0, random.pick(names));
}

/** Characters that a path can have as they are; Go and browsers leave others. */
const pathSafe = /[\w.~:@!$&'()*+,;=^|{}[\]`"<>\x80-\xff-]/;
