import type { MatchCondition } from '../../../src/features/authorization-webhooks/configuration.js';
import type { SubjectAccessReviewSpec } from '../../../src/features/authorization-webhooks/review.js';

/** What a condition says of a spec. */
export function verdictOf(
  condition: MatchCondition | undefined,
  spec: SubjectAccessReviewSpec,
): string | undefined {
  try {
    return condition && (condition.matches(spec) ? 't' : 'f');
  } catch {
    return 'e';
  }
}

const requirements = [
  { key: 'metadata.name', operator: 'In', values: ['a'] },
  { key: 'spec.nodeName', operator: 'NotIn', values: ['n'] },
];

/** Specs of reviews. */
export const specs: readonly SubjectAccessReviewSpec[] = [
  {
    user: 'alice',
    uid: 'u-1',
    groups: ['dev', 'ops'],
    extra: { 'example.org/team': ['red', 'blue'], plain: ['1'] },
    resourceAttributes: {
      ...{ namespace: 'kube-system', verb: 'list', group: '', version: 'v1', resource: 'pods' },
      fieldSelector: { requirements },
      labelSelector: { requirements: [{ key: 'app', operator: 'Exists' }] },
    },
  },
  {
    user: 'system:serviceaccount:prod:robot',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:prod'],
    resourceAttributes: {
      ...{ namespace: 'prod', verb: 'delete', group: 'apps', version: 'v1', resource: 'deployments' },
      ...{ subresource: 'scale', name: 'web' },
    },
  },
  { user: 'bob', groups: [], nonResourceAttributes: { path: '/metrics', verb: 'get' } },
  {
    user: 'é😀',
    groups: ['system:authenticated'],
    resourceAttributes: { verb: 'get', version: 'v1', resource: 'secrets', name: 's' },
  },
];

/** Each with what it says of each spec: t for true, f for false, e for an error. */
export const conditions: readonly (readonly [verdicts: string, expression: string])[] = [
  ['tttt', 'true'],
  ['ttft', 'has(request.resourceAttributes)'],
  ['fftf', 'has(request.nonResourceAttributes)'],
  ['tfef', "request.resourceAttributes.namespace == 'kube-system'"],
  ['tfff', "'dev' in request.groups"],
  ['ttff', "request.user == 'alice' || request.user.startsWith('system:serviceaccount:')"],
  ['fttt', "request.uid == ''"],
  ['tttt', 'has(request.uid) && has(request.user) && has(request.groups) && has(request.extra)'],
  ['ttft', 'request.groups.size() > 0'],
  ['ftft', "request.groups.exists(g, g.startsWith('system:'))"],
  ['tfef', "request.groups[0] == 'dev'"],
  ['tfff', "request.groups[?1].orValue('none') == 'ops'"],
  ['tfff', "'plain' in request.extra"],
  ['teee', "request.extra.plain[0] == '1'"],
  ['fttt', "request.extra.?plain[?0].orValue('2') == '2'"],
  ['tfff', 'request.extra.size() == 2'],
  ['tfff', "has(request.extra.plain) && request.extra.plain == ['1']"],
  ['tfet', "request.resourceAttributes.verb in ['get', 'list', 'watch']"],
  ['ftef', "request.resourceAttributes.verb == 'delete' && request.resourceAttributes.group == 'apps'"],
  ['ftet', "request.resourceAttributes.subresource != '' || request.resourceAttributes.name == 's'"],
  ['ftet', "request.resourceAttributes.version == 'v1' && request.resourceAttributes.resource.size() > 4"],
  ['ffft', "request.?resourceAttributes.resource.orValue('') == 'secrets'"],
  ['ttft', 'request.?resourceAttributes.name.hasValue()'],
  ['fftf', "request.?nonResourceAttributes.path.orValue('/') == '/metrics'"],
  ['eete', "request.nonResourceAttributes.verb == 'get'"],
  ['tfef', 'has(request.resourceAttributes.fieldSelector)'],
  ['fefe', 'has(request.resourceAttributes) && has(request.resourceAttributes.fieldSelector.rawSelector)'],
  ['teee', 'has(request.resourceAttributes.fieldSelector.requirements)'],
  ['teee', 'request.resourceAttributes.fieldSelector.requirements.size() == 2'],
  ['teee', 'size(request.resourceAttributes.labelSelector.requirements) == 1'],
  [
    'teee',
    "request.resourceAttributes.fieldSelector.requirements.exists(r, r.key == 'metadata.name' && r.operator == 'In')",
  ],
  ['teee', "request.resourceAttributes.fieldSelector.requirements[0].values[0] == 'a'"],
  [
    'teee',
    "request.resourceAttributes.labelSelector.requirements.all(r, r.values.size() == 0 && r.operator == 'Exists')",
  ],
  ['fttt', 'request.?resourceAttributes.labelSelector.requirements.orValue([]).size() == 0'],
  ['tfff', "request.?resourceAttributes.fieldSelector.requirements[?0].key.orValue('') == 'metadata.name'"],
  ['eeee', "request.resourceAttributes.fieldSelector.rawSelector == ''"],
  ['ffft', "request.user.size() == 2 && request.user.contains('😀')"],
  ['fftt', "request.resourceAttributes.verb == 'get' || request.user == 'bob'"],
  ['fftf', "dyn(request.user) == 'bob'"],
];

/** Conditions that neither the API server nor the gateway accepts. */
export const wrongConditions: readonly string[] = [
  ...['request.', 'request.user', 'dyn(true)', 'request.groups', "request.verb == 'get'"],
  ...["request.user.username == 'a'", "request.nope == ''", 'has(request.nope)'],
  ...["request.?nope.orValue('') == ''", "request.resourceAttributes.nope == ''"],
  "request.resourceAttributes.?nope.orValue('') == ''",
  ...["request.?resourceAttributes.nope.orValue('') == ''", "request.resourceAttributes['verb'] == 'get'"],
  "request['user'] == 'a'",
  "request.resourceAttributes.fieldSelector.requirements.all(r, r.nope == '')",
  "request.resourceAttributes.fieldSelector.requirements[0].nope == ''",
  ...["request.resourceAttributes.fieldSelector.requirements['0'].key == ''", 'request.user == 1'],
  ...["request.groups == 'dev'", "request.groups.contains('dev')", "'dev' in request.user"],
  ...['1 in request.groups', "request.extra['a'] == 'b'", 'request.user.all(x, true)'],
  ...['request.resourceAttributes.all(x, true)', "request.user.matches('(?=a)')"],
  ...['request.groups.all(g, g)', "authorizer.path('/').check('get').allowed()"],
  `request.user == '${'a'.repeat(20)}' ? true`,
];

/** Conditions that the API server 1.34 accepts, and the gateway refuses by name because it does not evaluate them exactly as there. */
export const unsupportedConditions: readonly string[] = [
  ...['request.resourceAttributes == request.resourceAttributes', 'request.resourceAttributes != null'],
  ...['request.resourceAttributes.fieldSelector.requirements == []', 'type(request.user) == string'],
  ...["request.extra == {'a': ['b']}", "request.extra[request.user] == ['a']"],
  ...['request.user.matches(request.uid)', "ip('127.0.0.1').family() == 4"],
  "request.groups.exists(i, g, i == 0 && g == 'a')",
];
