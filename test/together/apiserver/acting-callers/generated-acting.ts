import { selfReview, selfReviewPath } from '../../../support/clients/self-review.js';
import type { Rule } from '../../../support/fake-api-server/rbac.js';
import type { Random } from '../../../support/random.js';

/** What a caller asks for as another user. */
export interface ActingRequest {
  readonly method: string;
  readonly target: string;
  readonly body: string | undefined;
  readonly isUpgrade: boolean;
  /** Impersonate-* fields: name, value, … */
  readonly headers: readonly string[];
}

/** What requests and rules are about. */
export interface Names {
  readonly namespace: string;
  readonly elsewhere: string;
}

export const nodeUser = 'system:node:n1';
const users = ['carol', 'dave', nodeUser];
const groups = ['g1', 'g2', 'g3', 'g4', 'g5', 'system:authenticated'];
const uids = ['7', '8'];
/** Constrained impersonation takes the first two. */
const extraKeys = ['example.com/a', 'example.com/b', 'scopes'];
const values = ['x', 'y'];
const resources = ['pods', 'configmaps', 'pods/exec', 'pods/log', 'nodes'];
const verbs = ['get', 'list', 'watch', 'create', 'delete', 'patch'];
const modes = ['user-info', 'serviceaccount', 'arbitrary-node', 'associated-node'];

/** The rights of a caller in all namespaces, and in one. */
export interface Rights {
  readonly everywhere: readonly Rule[];
  readonly inNamespace: readonly Rule[];
}

/** Rights to impersonate, of both kinds, mostly not all that one needs. */
export function generateRights(random: Random): Rights {
  const some = <T>(list: readonly T[], share: number) => list.filter(() => random.chance(share));
  const share = random.pick([0.4, 0.8, 1]);
  /** Rules for some names, or for all; sometimes for the name `*`, which is another thing. */
  const named = (rule: Rule, list: readonly string[]): readonly Rule[] => {
    if (random.chance(0.1)) return [];
    if (random.chance(0.2)) return [rule];
    const resourceNames = [...some(list, share), ...(random.chance(0.3) ? ['*'] : [])];
    return resourceNames.length === 0 ? [] : [{ ...rule, resourceNames }];
  };
  const valueRules = (verb: string, core: string) => [
    ...named({ apiGroups: [core], resources: ['users'], verbs: [verb] }, users),
    ...named({ apiGroups: [core], resources: ['groups'], verbs: [verb] }, groups),
    ...named({ apiGroups: ['authentication.k8s.io'], resources: ['uids'], verbs: [verb] }, uids),
    ...some([...extraKeys, '*'], share).flatMap(key =>
      named(
        { apiGroups: ['authentication.k8s.io'], resources: [`userextras/${key}`], verbs: [verb] },
        values,
      ),
    ),
  ];
  const authentication = 'authentication.k8s.io';
  const legacy = random.chance(0.5)
    ? [
        ...valueRules('impersonate', ''),
        ...named({ apiGroups: [''], resources: ['serviceaccounts'], verbs: ['impersonate'] }, ['robot']),
      ]
    : [];
  const constrained = random.chance(0.85)
    ? [
        ...valueRules('impersonate:user-info', authentication),
        ...named(
          {
            apiGroups: [authentication],
            resources: ['serviceaccounts'],
            verbs: ['impersonate:serviceaccount'],
          },
          ['robot'],
        ),
        ...named(
          { apiGroups: [authentication], resources: ['nodes'], verbs: ['impersonate:arbitrary-node'] },
          ['n1'],
        ),
      ]
    : [];
  const acts = () =>
    some(modes, 0.8).flatMap(mode => {
      const on = some(verbs, share).map(verb => `impersonate-on:${mode}:${verb}`);
      const about = some(resources, share);
      return on.length * about.length === 0 ? [] : [{ apiGroups: [''], resources: about, verbs: on }];
    });
  const reviews = some(modes, 0.7).map(mode => ({
    ...{ apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
    verbs: [`impersonate-on:${mode}:create`],
  }));
  const paths = some(modes, 0.5).map(mode => ({
    ...{ nonResourceURLs: ['/metrics', '/version'], verbs: [`impersonate-on:${mode}:get`] },
  }));
  return {
    everywhere: [...legacy, ...constrained, ...(random.chance(0.5) ? acts() : []), ...reviews, ...paths],
    inNamespace: acts(),
  };
}

export function generateActing(random: Random, names: Names): ActingRequest {
  return { ...generateTarget(random, names), headers: generateUser(random, names) };
}

function generateTarget(random: Random, { namespace, elsewhere }: Names): Omit<ActingRequest, 'headers'> {
  const plain = { body: undefined, isUpgrade: false };
  const inNamespace = `/api/v1/namespaces/${random.pick([namespace, namespace, elsewhere])}`;
  return random.pick<() => Omit<ActingRequest, 'headers'>>([
    () => ({ ...{ method: 'POST', target: selfReviewPath, isUpgrade: false }, body: selfReview }),
    () => ({
      ...plain,
      method: 'GET',
      target: random.pick(['/metrics', '/version', '/healthz', '/livez/ping']),
    }),
    () => ({ ...plain, method: 'GET', target: `${inNamespace}/${random.pick(['pods', 'configmaps'])}` }),
    () => ({ ...plain, method: 'GET', target: `${inNamespace}/pods?fieldSelector=spec.nodeName%3Dn1` }),
    () => ({
      ...plain,
      method: 'GET',
      target: random.pick(['/api/v1/pods', '/api/v1/nodes', '/api/v1/nodes/n1']),
    }),
    () => ({ ...plain, method: 'GET', target: `${inNamespace}/pods/x${random.pick(['', '/log', '/exec'])}` }),
    () => ({
      ...plain,
      method: random.pick(['DELETE', 'GET']),
      target: `${inNamespace}/configmaps/x?dryRun=All`,
    }),
    () => ({
      ...{ method: 'GET', target: `${inNamespace}/pods/x/exec?command=true`, body: undefined },
      isUpgrade: true,
    }),
  ])();
}

function generateUser(random: Random, { namespace, elsewhere }: Names): readonly string[] {
  const user = random.pick([
    ...['carol', 'carol', 'dave', nodeUser],
    `system:serviceaccount:${random.pick([namespace, elsewhere])}:robot`,
  ]);
  const headers = ['Impersonate-User', user];
  const isAlone = random.chance(user.startsWith('system:') ? 0.7 : 0.2);
  if (isAlone) return headers;
  const most = random.pick([0, 1, 2, 3, 5]);
  for (let count = 0; count < most; count++) headers.push('Impersonate-Group', random.pick(groups));
  if (random.chance(0.2)) headers.push('Impersonate-Uid', random.pick(uids));
  const extras = random.pick([0, 0, 1, 4]);
  for (let count = 0; count < extras; count++) {
    const key = random.pick(extraKeys).replace('/', '%2f');
    headers.push(`Impersonate-Extra-${key}`, random.pick([...values, ...(random.chance(0.1) ? [''] : [])]));
  }
  return headers;
}
