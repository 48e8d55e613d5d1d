import {
  ApiIndex,
  type ApiResource,
  readAggregated,
} from '../../../../src/features/explorer/page/api/discovery.js';
import { readFixture } from '../../../support/project.js';

const { core, groups } = readFixture<{ core: never; groups: never }>('discovery.json');

/** The resources of the recorded API server. */
export const recorded = new ApiIndex([...readAggregated(core), ...readAggregated(groups)]);

/** One of its resources. */
export function resourceOf(group: string, name: string): ApiResource {
  const found = recorded.preferred(group, name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}
