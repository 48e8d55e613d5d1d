import type { KubeObject } from '../fake-api-server/objects.js';
import { make } from './objects.js';

/** An object's schema: its fields with their descriptions. */
function schemaOf(fields: Readonly<Record<string, string>>): object {
  const described = Object.entries(fields).map(([name, description]) => [
    name,
    { type: 'string', description },
  ]);
  return { type: 'object', properties: Object.fromEntries(described) };
}

const spec = schemaOf({ claim: 'Claim of the Backup.' });
const status = schemaOf({ phase: 'Phase of the Backup.', progress: 'How much is copied.' });

/** The custom resources of the demo. */
export const definitions: readonly KubeObject[] = [
  make('CustomResourceDefinition', {
    name: 'backups.storage.example.com',
    spec: {
      ...{ group: 'storage.example.com', scope: 'Namespaced' },
      names: { kind: 'Backup', plural: 'backups', singular: 'backup' },
      versions: [
        {
          name: 'v1',
          additionalPrinterColumns: [
            { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
            { name: 'Progress', type: 'string', jsonPath: '.status.progress' },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: { openAPIV3Schema: { description: 'A copy of a volume.', properties: { spec, status } } },
        },
      ],
    },
  }),
];
