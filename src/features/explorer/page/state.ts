import type { UserInfo } from 'kubernetes-types/authentication/v1.js';
import type { Cluster } from './api/clusters.js';
import type { ApiIndex } from './api/discovery.js';
import type { Address } from './api/fragment.js';

/** A value that is read once. */
export type Loaded<T> =
  | { readonly kind: 'loading'; readonly problem?: string }
  | { readonly kind: 'ready'; readonly value: T }
  /** With the status of the answer, if there was one. */
  | { readonly kind: 'failed'; readonly problem: string; readonly code?: number | undefined };

/** Whether the user has access. */
export type Session =
  /** Until an issuer's page for signing out comes, nobody can sign in. */
  | { readonly kind: 'checking' | 'open' | 'leaving' }
  /** The proxy, or the cluster that is shown, requires a token. */
  | { readonly kind: 'closed'; readonly by: 'proxy' | 'cluster'; readonly problem: string };

/** The state that all views are drawn from. */
export interface State {
  readonly session: Session;
  readonly address: Address;
  readonly clusters: readonly Cluster[];
  /** Whether no other cluster is missing there because nobody could say whether the user may see it. */
  readonly hasAllClusters: boolean;
  /** Who the user is for the proxy; undefined if it does not authenticate callers. */
  readonly caller: string | undefined;
  /** The cluster that is shown. */
  readonly cluster: Cluster | undefined;
  /** The namespace that links to other resources stay in; empty for all. */
  readonly namespace: string;
  readonly index: Loaded<ApiIndex>;
  readonly user: Loaded<UserInfo>;
}
