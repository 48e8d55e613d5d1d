import { browser } from './browser.js';

// The namespaces that this browser has shown, by cluster and caller. With a proxy that runs no sandbox, pages of Pods share this storage: what
// is read from it is checked, and only chooses among links.

/** A cluster, a caller, and the namespaces, the last one first. An empty namespace means all of them. */
type Visits = readonly [prefix: string, caller: string, ...namespaces: string[]];

// Pages of other proxies may be below other paths of this origin.
const key = `kube-api-proxy-namespaces ${browser.location.pathname}`;
const mostCallers = 20;
const mostNamespaces = 20;
/** Characters. What this page writes is shorter. */
const mostText = 100_000;

/** The namespaces that were shown to a caller in a cluster, the last one first. An empty one means all of them. */
export function visitsOf(prefix: string, caller: string): readonly string[] {
  const [, , ...namespaces] = readVisits().find(isOf(prefix, caller)) ?? [];
  return namespaces;
}

/** Keeps that a namespace was shown. */
export function visit(prefix: string, caller: string, namespace: string): void {
  const all = readVisits();
  const [, , ...before] = all.find(isOf(prefix, caller)) ?? [];
  if (before[0] === namespace || !isNamespace(namespace)) return;
  const namespaces = [namespace, ...before.filter(name => name !== namespace)].slice(0, mostNamespaces);
  const others = all.filter(entry => !isOf(prefix, caller)(entry)).slice(0, mostCallers - 1);
  try {
    browser.localStorage.setItem(key, JSON.stringify([[prefix, caller, ...namespaces], ...others]));
  } catch {
    // The browser stores nothing, or no more.
  }
}

/** Removes what was kept for all callers. */
export function forgetVisits(): void {
  try {
    browser.localStorage.removeItem(key);
  } catch {
    // The browser stores nothing.
  }
}

function readVisits(): readonly Visits[] {
  try {
    const text = browser.localStorage.getItem(key) ?? '';
    const all: unknown = text.length > mostText ? [] : JSON.parse(text);
    return Array.isArray(all) ? all.filter(isVisits).slice(0, mostCallers) : [];
  } catch {
    return [];
  }
}

function isVisits(value: unknown): value is Visits {
  if (!Array.isArray(value) || value.length > mostNamespaces + 2) return false;
  const [prefix, caller, ...namespaces] = value;
  return typeof prefix === 'string' && typeof caller === 'string' && namespaces.every(isNamespace);
}

function isOf(wanted: string, who: string) {
  return ([prefix, caller]: Visits) => prefix === wanted && caller === who;
}

/** Whether a value is the name of a namespace (RFC 1123 label), or empty. */
function isNamespace(value: unknown): value is string {
  return typeof value === 'string' && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)?$/.test(value);
}
