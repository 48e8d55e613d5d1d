import {
  ApiIndex,
  type ApiResource,
  readAggregated,
} from '../../../../src/features/explorer/page/api/discovery.js';
import { readRecordedDiscovery } from '../../../support/recorded-discovery.js';

const { core, groups } = readRecordedDiscovery();

/** The resources of the recorded API server. */
export const recorded = new ApiIndex([...readAggregated(core), ...readAggregated(groups)]);

/** One of its resources. */
export function resourceOf(group: string, name: string): ApiResource {
  const found = recorded.preferred(group, name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}
