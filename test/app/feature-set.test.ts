import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { Components } from '../../src/app/components.js';
import { FeatureSet, ownEndpoints, servedOwnEndpoints } from '../../src/app/feature-set.js';
import type { AnyFeature } from '../../src/feature.js';
import { features } from '../../src/features.js';
import { parseOptions } from '../../src/options/parse.js';
import type { Options } from '../../src/options/table.js';
import { createCore } from '../support/features/core.js';

const { options } = parseOptions({ argv: [], env: {} });
const all: readonly AnyFeature<Options>[] = features;

describe('a method of authentication or a listener that is on', () => {
  const parts = all.flatMap(feature => [
    ...(feature.method ? [{ feature, part: feature.method, what: 'method of authentication' }] : []),
    ...(feature.listener ? [{ feature, part: feature.listener, what: 'listener' }] : []),
  ]);
  for (const { feature, part, what } of parts) {
    it(`ends the start if nothing was made for it: the ${what} of ${feature.name}`, async t => {
      t.mock.method(part, 'isOn', () => true);
      const create = t.mock.method(feature as Required<AnyFeature<Options>>, 'create', () => undefined);
      const missing = [`${part.flag}: the program made no ${what} of it`];
      for (const [made, problems] of [
        [undefined, missing],
        [{ close() {} }, missing],
        // What is wrong stands among the problems of the options already.
        [{ problems: [] }, []],
      ] as const) {
        create.mock.mockImplementation(() => made as never);
        const components = new Components();
        const created = await new FeatureSet(new Registry()).create(options, createCore(), components);
        assert.deepEqual(created, { problems });
      }
    });
  }
});

it('the endpoints of the core are served whatever the options are, after those of the features', () => {
  const own = ownEndpoints.map(({ name }) => name);
  const served = servedOwnEndpoints(options).map(({ name }) => name);
  assert.deepEqual(served.slice(-own.length), own);
});
