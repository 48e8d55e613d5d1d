import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  fieldsOf,
  type OpenApiDocument,
  schemaOf,
} from '../../../../src/features/explorer/page/api/openapi.js';
import { resourceOf } from './recorded-index.js';

const deployments = resourceOf('apps', 'deployments');

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const document: OpenApiDocument = {
  components: {
    schemas: {
      'io.k8s.api.apps.v1.Deployment': {
        description: 'A deployment.',
        'x-kubernetes-group-version-kind': ['v1', 'v2'].map(version => ({
          group: 'apps',
          version,
          kind: 'Deployment',
        })),
        required: ['spec'],
        properties: {
          spec: { description: 'What is wanted.', allOf: [ref('io.k8s.api.apps.v1.Spec')] },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
        },
      },
      'io.k8s.api.apps.v1.Spec': {
        properties: {
          replicas: { type: 'integer', description: 'How many.' },
          containers: { type: 'array', items: { allOf: [ref('io.k8s.api.core.v1.Container')] } },
          byName: { type: 'object', additionalProperties: { allOf: [ref('io.k8s.api.apps.v1.Spec')] } },
          missing: ref('nothing'),
          loop: ref('loop'),
        },
      },
      'io.k8s.api.core.v1.Container': {
        description: 'A container.',
        properties: { name: { type: 'string' } },
      },
      loop: ref('loop'),
    },
  },
};

it('the fields of a resource have types as kubectl explain prints them, and prefer their own description to that of their type', () => {
  const schema = schemaOf(document, deployments) ?? assert.fail();
  assert.equal(schema.description, 'A deployment.');
  assert.equal(schemaOf(document, resourceOf('', 'pods')), undefined);
  assert.equal(schemaOf({}, deployments), undefined);
  const rows = (of: typeof schema) =>
    fieldsOf(document, of).map(({ name, type, description, isRequired, schema: inner }) => {
      return [name, type, description, isRequired, inner !== undefined];
    });
  assert.deepEqual(rows(schema), [
    ['spec', 'Spec', 'What is wanted.', true, true],
    ['labels', 'map[string]string', '', false, false],
  ]);
  const [spec] = fieldsOf(document, schema);
  assert.ok(spec?.schema);
  assert.deepEqual(rows(spec.schema), [
    ['replicas', 'integer', 'How many.', false, false],
    ['containers', '[]Container', '', false, true],
    ['byName', 'map[string]Spec', '', false, true],
    ['missing', 'any', '', false, false],
    ['loop', 'any', '', false, false],
  ]);
  const containers = fieldsOf(document, spec.schema)[1];
  assert.ok(containers?.schema);
  assert.deepEqual(rows(containers.schema), [['name', 'string', '', false, false]]);
});
