import { runInSlices, type Steps } from '../lib/steps.js';
import { parseServerAddress, urlOf } from './server-address.js';
import type { Kubeconfig } from './types.js';

/** A context of the kubeconfig, with the names that the file uses. Missing ones are empty. It contains no secret. */
export interface ContextSummary {
  readonly name: string;
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string;
  /** The URL of the cluster's server, without query and fragment; empty if it cannot be used. */
  readonly server: string;
}

/** The summaries by kubeconfig: all its contexts share them. */
const summaries = new WeakMap<Kubeconfig, Promise<readonly ContextSummary[]>>();

/** The contexts, in the kubeconfig's order. The event loop goes on meanwhile, because there may be thousands. */
export function summarizeContexts(kubeconfig: Kubeconfig): Promise<readonly ContextSummary[]> {
  const made = summaries.get(kubeconfig) ?? runInSlices(summarize(kubeconfig));
  summaries.set(kubeconfig, made);
  return made;
}

function* summarize({ contexts, clusters }: Kubeconfig): Steps<readonly ContextSummary[]> {
  const all: ContextSummary[] = [];
  for (const [name, { value }] of contexts) {
    const { cluster = '', user = '', namespace = '' } = value;
    all.push({ name, cluster, user, namespace, server: serverUrl(clusters.get(cluster)?.value.server) });
    yield;
  }
  return all;
}

function serverUrl(server = ''): string {
  const parsed = parseServerAddress(server, '');
  return 'address' in parsed ? urlOf(parsed.address) : '';
}
