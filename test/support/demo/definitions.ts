import type { KubeObject } from '../fake-api-server/objects.js';
import { make } from './shapes.js';

interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
}

const ageColumn: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const text = (description: string) => ({ type: 'string', description });
const count = (description: string) => ({ type: 'integer', description });

function define(
  group: string,
  names: { readonly plural: string; readonly kind: string; readonly shortNames: readonly string[] },
  versions: readonly string[],
  columns: readonly Column[],
  schema: { readonly description: string; readonly spec: object; readonly status: object },
): KubeObject {
  const openAPIV3Schema = {
    ...{ type: 'object', description: schema.description, required: ['spec'] },
    properties: {
      spec: { type: 'object', description: 'What is wanted.', properties: schema.spec },
      status: { type: 'object', description: 'What was found.', properties: schema.status },
    },
  };
  return make(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    { name: `${names.plural}.${group}` },
    {
      spec: {
        ...{ group, scope: 'Namespaced', conversion: { strategy: 'None' } },
        names: { ...names, singular: names.kind.toLowerCase(), listKind: `${names.kind}List` },
        versions: versions.map((name, at) => ({
          ...{ name, served: true, storage: at === 0, additionalPrinterColumns: [...columns, ageColumn] },
          schema: { openAPIV3Schema },
        })),
      },
    },
  );
}

/** The custom resources of the demo. */
export const definitions: readonly KubeObject[] = [
  define(
    'certs.example.com',
    { plural: 'certificates', kind: 'Certificate', shortNames: ['cert', 'certs'] },
    ['v1'],
    [
      { name: 'Ready', type: 'string', jsonPath: '.status.ready' },
      { name: 'Secret', type: 'string', jsonPath: '.spec.secretName' },
      { name: 'Expires', type: 'string', jsonPath: '.status.notAfter' },
      { name: 'Issuer', type: 'string', jsonPath: '.spec.issuer', priority: 1 },
    ],
    {
      description: 'Certificate is a serving certificate that is renewed in time.',
      spec: {
        secretName: text('The Secret that has the certificate and its key.'),
        issuer: text('Who signs it.'),
        dnsNames: { type: 'array', items: { type: 'string' }, description: 'The names that it is for.' },
      },
      status: { ready: text('Whether it can be used.'), notAfter: text('When it expires.') },
    },
  ),
  define(
    'storage.example.com',
    { plural: 'backups', kind: 'Backup', shortNames: ['bk'] },
    ['v1', 'v1beta1'],
    [
      { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
      { name: 'Progress', type: 'string', jsonPath: '.status.progress' },
      { name: 'Size', type: 'string', jsonPath: '.status.size' },
      { name: 'Claim', type: 'string', jsonPath: '.spec.claim' },
    ],
    {
      description: 'Backup is a copy of a volume.',
      spec: { claim: text('The PersistentVolumeClaim to copy.'), keep: count('Days that it is kept.') },
      status: {
        phase: text('Running or Completed.'),
        progress: text('How much has been copied.'),
        size: text('How much there is.'),
      },
    },
  ),
];
