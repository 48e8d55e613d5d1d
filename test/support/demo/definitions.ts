import type { KubeObject } from '../fake-api-server/objects.js';
import { make } from './objects.js';

const parts = {
  spec: { claim: 'Claim of the Backup.' },
  status: { phase: 'Phase of the Backup.', progress: 'How much is copied.', size: 'Size of the copy.' },
};

/** An object's schema: its fields with their descriptions. */
function schemaOf(fields: Readonly<Record<string, string>>): object {
  const properties = Object.entries(fields).map(([name, description]) => [
    name,
    { type: 'string', description },
  ]);
  return { type: 'object', properties: Object.fromEntries(properties) };
}

/** The custom resources of the demo. */
export const definitions: readonly KubeObject[] = [
  make('CustomResourceDefinition', {
    name: 'backups.storage.example.com',
    spec: {
      ...{ group: 'storage.example.com', scope: 'Namespaced' },
      names: { kind: 'Backup', plural: 'backups', singular: 'backup' },
      versions: [
        {
          ...{ name: 'v1', served: true, storage: true },
          additionalPrinterColumns: [
            { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
            { name: 'Progress', type: 'string', jsonPath: '.status.progress' },
            { name: 'Claim', type: 'string', jsonPath: '.spec.claim' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              ...{ type: 'object', description: 'Backup is a copy of a volume.', required: ['spec'] },
              properties: { spec: schemaOf(parts.spec), status: schemaOf(parts.status) },
            },
          },
        },
      ],
    },
  }),
];
