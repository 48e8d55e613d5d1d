import { get } from '../../clusters/own-request.js';
import type { Feature } from '../../feature.js';
import type { MergedOptions, OptionValues } from '../../lib/option.js';
import { namespaces } from './namespaces.js';
import { resources } from './resources.js';
import { UnknownResources } from './unknown-resources.js';

const guards = [namespaces, resources] as const;

/** Milliseconds that a discovery document may take. */
const discoveryTimeout = 30_000;

/** Rules about namespaces and resources, for all callers alike. */
export const resourceRules = {
  name: 'resource-rules',
  guards,
  create({ rejectResources }, { cluster, logger }) {
    if (rejectResources.length === 0) return undefined;
    return new UnknownResources(
      rejectResources,
      async (path, accept) => {
        const { status, text } = await get(cluster, path, { accept, timeout: discoveryTimeout });
        return { status, body: JSON.parse(text) as unknown };
      },
      logger,
    );
  },
} as const satisfies Feature<OptionValues<MergedOptions<typeof guards>>>;
