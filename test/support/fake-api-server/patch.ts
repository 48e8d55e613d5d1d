import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, readBody } from './exchange.js';
import { mediaType, toKubeObject } from './object-body.js';
import { isRecord } from './objects.js';
import { isObjectLike } from './representation.js';
import { badRequest, invalid, unsupportedMediaType } from './status-failure.js';
import { findObject, replaceObject } from './write.js';

const mediaTypeOfPatch = 'application/merge-patch+json';

/** RFC 7386: null removes, objects merge, everything else replaces. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = mergePatch(result[field], value);
  }
  return result;
}

/** Answers a merge patch. Other kinds get a 415. */
export async function patchObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  if (mediaType(exchange) !== mediaTypeOfPatch) throw unsupportedMediaType([mediaTypeOfPatch]);
  const body = await readBody(exchange.request);
  const live = findObject(cluster, type, exchange);
  let patch: unknown;
  try {
    patch = JSON.parse(body.toString());
  } catch (error) {
    throw badRequest(`error decoding patch: ${error}`);
  }
  const patched = mergePatch(live, patch);
  if (!isObjectLike(patched)) throw invalid('the patch leaves no object');
  replaceObject(cluster, type, exchange, live, toKubeObject(type, patched));
}
