import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { Components } from '../../src/app/components.js';
import { FeatureSet } from '../../src/app/feature-set.js';
import type { AnyFeature } from '../../src/feature.js';
import { features } from '../../src/features.js';
import { parseOptions } from '../../src/options/parse.js';
import type { Options } from '../../src/options/table.js';
import { createCore } from '../support/features/core.js';

const { options } = parseOptions({ argv: [], env: {} });
const all: readonly AnyFeature<Options>[] = features;

describe('a method of authentication that is on', () => {
  for (const feature of all) {
    const { name, method } = feature;
    if (method === undefined) continue;
    it(`ends the start if nothing was made for it: ${name}`, async t => {
      t.mock.method(method, 'isOn', () => true);
      const create = t.mock.method(feature as Required<AnyFeature<Options>>, 'create', () => undefined);
      const problems = [`${method.flag}: the program made no method of authentication of it`];
      for (const made of [undefined, { close() {} }]) {
        create.mock.mockImplementation(() => made);
        const components = new Components();
        const created = await new FeatureSet(new Registry()).create(options, createCore(), components);
        assert.deepEqual(created, { problems });
      }
    });
  }
});
