/** A webhook that both the API server and the gateway accept. */
export const webhook = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'NoOpinion',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'KUBECONFIG' },
};

const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' };
const condition = { expression: "request.user == 'a'" };
const conditions = { matchConditionSubjectAccessReviewVersion: 'v1', matchConditions: [condition] };
const rbac = { type: 'RBAC', name: 'rbac' };

/** A file with these entries. The API server needs its own authorizers besides. */
export function fileOf(entries: readonly object[], isForApiServer: boolean, more: object = {}): string {
  return JSON.stringify({ ...head, authorizers: isForApiServer ? [...entries, rbac] : entries, ...more });
}

const of = (more: object) => [{ type: 'Webhook', name: 'a', webhook: { ...webhook, ...more } }];
const connection = (more: object) => of({ connectionInfo: { ...webhook.connectionInfo, ...more } });
const named = (name: unknown) => [{ type: 'Webhook', name, webhook }];

/** What is wrong, the entries, and fields of the file. FOLDER and KUBECONFIG stand for files of the test. */
export const wrongFiles: readonly (readonly [what: string, entries: readonly object[], more?: object])[] = [
  ['another kind', of({}), { kind: 'AuthenticationConfiguration' }],
  ['no kind', of({}), { kind: undefined }],
  ['another version', of({}), { apiVersion: 'apiserver.config.k8s.io/v2' }],
  ['an unknown field', of({}), { nobody: 1 }],
  ['authorizers that are no list', [], { authorizers: {} }],
  ['an entry that is no object', ['a' as never]],
  ['an unknown field of an entry', [{ ...named('a')[0], weight: 1 }]],
  ['an unknown field of a webhook', of({ url: 'https://a' })],
  ['a field of a webhook in other letters', of({ failurepolicy: 'Deny' })],
  ['no type', [{ name: 'a', webhook }]],
  ['a field of Kubernetes 1.37', of({ conditionsEndpointKubeConfigContext: 'conditions' })],
  ['an unknown type', [{ type: 'Hook', name: 'a', webhook }]],
  ['no name', named(undefined)],
  ['a name with capital letters', named('A')],
  ['a name that ends with a point', named('a.')],
  ['a name that is too long', named('a'.repeat(254))],
  ['two entries of one name', [...named('a'), ...named('a')]],
  ['no webhook', [{ type: 'Webhook', name: 'a' }]],
  ['a webhook that is null', [{ type: 'Webhook', name: 'a', webhook: null }]],
  ['no timeout', of({ timeout: undefined })],
  ['a timeout of 0s', of({ timeout: '0s' })],
  ['a timeout above 30s', of({ timeout: '30.001s' })],
  ['a timeout without a unit', of({ timeout: '3' })],
  ['a timeout that is null', of({ timeout: null })],
  ['an authorizedTTL below 0s', of({ authorizedTTL: '-1s' })],
  ['an authorizedTTL that is null', of({ authorizedTTL: null })],
  ['an unauthorizedTTL below 0s', of({ unauthorizedTTL: '-1ms' })],
  ['a cache that is a string', of({ cacheAuthorizedRequests: 'true' })],
  ['no version of the review', of({ subjectAccessReviewVersion: undefined })],
  ['another version of the review', of({ subjectAccessReviewVersion: 'v2' })],
  ['conditions without a version', of({ matchConditions: [condition] })],
  ['conditions of v1beta1', of({ ...conditions, matchConditionSubjectAccessReviewVersion: 'v1beta1' })],
  ['a version of no conditions that is wrong', of({ matchConditionSubjectAccessReviewVersion: 'v2' })],
  ['no failurePolicy', of({ failurePolicy: undefined })],
  ['another failurePolicy', of({ failurePolicy: 'Allow' })],
  ['no connectionInfo', of({ connectionInfo: undefined })],
  ['a connectionInfo without a type', connection({ type: undefined })],
  ['no kubeconfig', connection({ kubeConfigFile: undefined })],
  ['a kubeconfig that is null', connection({ kubeConfigFile: null })],
  ['a kubeconfig with a relative path', connection({ kubeConfigFile: 'kubeconfig' })],
  ['a kubeconfig that is missing', connection({ kubeConfigFile: 'FOLDER/missing' })],
  ['a kubeconfig that is a folder', connection({ kubeConfigFile: 'FOLDER' })],
  ['a kubeconfig that is no YAML', connection({ kubeConfigFile: 'FOLDER/broken' })],
  ['a kubeconfig without its context', connection({ kubeConfigFile: 'FOLDER/contextless' })],
  ['no expression', of({ ...conditions, matchConditions: [{}] })],
  ['an unknown field of a condition', of({ ...conditions, matchConditions: [{ ...condition, name: 'a' }] })],
];

/** What is wrong for the gateway alone: the entries, and what its problem says. */
export const unsupportedFiles: readonly (readonly [entries: readonly object[], problem: RegExp])[] = [
  ...['Node', 'RBAC', 'ABAC', 'AlwaysAllow', 'AlwaysDeny'].map(
    type =>
      [
        [...of({}), { type, name: 'b' }],
        /authorizers\[1\]\.type is not Webhook; the API server behind/,
      ] as const,
  ),
  [of({ subjectAccessReviewVersion: 'v1beta1' }), /subjectAccessReviewVersion is not v1$/],
  [
    connection({ type: 'InClusterConfig', kubeConfigFile: null }),
    /connectionInfo has not the type KubeConfigFile$/,
  ],
];

/** A file in YAML in which these texts stand as they are. The API server reads a file again only if something in it changes, such as the name. */
export function yamlFileOf(
  {
    cacheAuthorized,
    name = 'a',
    type = 'KubeConfigFile',
  }: Readonly<Record<'cacheAuthorized', string>> & { readonly name?: string; readonly type?: string },
  isForApiServer: boolean,
): string {
  const { connectionInfo, ...others } = webhook;
  return [
    ...Object.entries(head).map(([name, value]) => `${name}: ${value}`),
    'authorizers:',
    '- type: Webhook',
    `  name: ${name}`,
    '  webhook:',
    ...Object.entries(others).map(([name, value]) => `    ${name}: ${value}`),
    `    cacheAuthorizedRequests: ${cacheAuthorized}`,
    `    connectionInfo: {type: ${type}, kubeConfigFile: ${connectionInfo.kubeConfigFile}}`,
    ...(isForApiServer ? ['- type: RBAC', '  name: rbac'] : []),
    '',
  ].join('\n');
}

/** Words, and what each is as a boolean: undefined if it is none. */
export const words: readonly (readonly [word: string, value: boolean | undefined])[] = [
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE'].map(
    word => [word, true] as const,
  ),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'false', 'False', 'FALSE'].map(
    word => [word, false] as const,
  ),
  ...['yEs', 'oN', 'nO', 'tRue', 'yes.', '"yes"', "'no'", '!!str on', '1', '0'].map(
    word => [word, undefined] as const,
  ),
  // Null is a missing value.
  ...['null', '~', ''].map(word => [word, true] as const),
];
