import type { KubeObject } from '../fake-api-server/objects.js';
import { make } from './objects.js';

type Column = readonly [name: string, jsonPath: string];

function define(group: string, kind: string, description: string, columns: readonly Column[]): KubeObject {
  const plural = `${kind.toLowerCase()}s`;
  const properties = (part: string) =>
    Object.fromEntries(
      columns
        .map(([name, path]) => [name, path.split('.')] as const)
        .filter(([, [, parent]]) => parent === part)
        .map(([name, [, , field = '']]) => [
          field,
          { type: 'string', description: `${name} of the ${kind}.` },
        ]),
    );
  const additionalPrinterColumns = [
    ...columns.map(([name, jsonPath]) => ({ name, type: 'string', jsonPath })),
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ];
  const openAPIV3Schema = {
    ...{ type: 'object', description, required: ['spec'] },
    properties: {
      spec: { type: 'object', description: 'What is wanted.', properties: properties('spec') },
      status: { type: 'object', description: 'What was found.', properties: properties('status') },
    },
  };
  return make('CustomResourceDefinition', {
    name: `${plural}.${group}`,
    spec: {
      ...{ group, scope: 'Namespaced', names: { kind, plural, singular: kind.toLowerCase() } },
      versions: [
        { name: 'v1', served: true, storage: true, additionalPrinterColumns, schema: { openAPIV3Schema } },
      ],
    },
  });
}

/** The custom resources of the demo. */
export const definitions: readonly KubeObject[] = [
  define(
    'certs.example.com',
    'Certificate',
    'Certificate is a serving certificate that is renewed in time.',
    [
      ['Ready', '.status.ready'],
      ['Secret', '.spec.secretName'],
      ['Expires', '.status.notAfter'],
      ['Issuer', '.spec.issuer'],
    ],
  ),
  define('storage.example.com', 'Backup', 'Backup is a copy of a volume.', [
    ['Phase', '.status.phase'],
    ['Progress', '.status.progress'],
    ['Size', '.status.size'],
    ['Claim', '.spec.claim'],
  ]),
];
