import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, readBody } from './exchange.js';
import { jsonPatch } from './json-patch.js';
import { mergePatch, strategicMerge } from './merge-patch.js';
import { mediaType, toKubeObject } from './object-body.js';
import { isObjectLike } from './representation.js';
import { badRequest, invalid, unsupportedMediaType } from './status-failure.js';
import { findObject, replaceObject } from './write.js';

const patches: Readonly<Record<string, (target: unknown, patch: unknown) => unknown>> = {
  'application/json-patch+json': jsonPatch,
  'application/merge-patch+json': mergePatch,
  'application/strategic-merge-patch+json': strategicMerge,
};

/** Answers the three kinds of patch by Content-Type. Server-side apply gets a 415, as from an API server that does not have it. */
export async function patchObject(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const media = mediaType(exchange);
  const apply = Object.hasOwn(patches, media) ? patches[media] : undefined;
  if (apply === undefined) throw unsupportedMediaType(Object.keys(patches));
  const body = await readBody(exchange.request);
  const live = findObject(cluster, type, exchange);
  let patch: unknown;
  try {
    patch = JSON.parse(body.toString());
  } catch (error) {
    throw badRequest(`error decoding patch: ${error}`);
  }
  let patched: unknown;
  try {
    patched = apply(live, patch);
  } catch (error) {
    throw invalid(`the patch does not apply: ${error}`);
  }
  if (!isObjectLike(patched)) throw invalid('the patch leaves no object');
  replaceObject(cluster, type, exchange, live, toKubeObject(type, patched));
}
