import { parseQuery } from '../kubernetes/query.js';
import { within } from '../lib/promises.js';

/** One condition. If it does not hold, `check` throws or rejects with the reason. `check` has its own timeout. */
export interface HealthCheck {
  /** The name in `?exclude=NAME` and in the answer's lines. */
  readonly name: string;
  readonly check: () => void | Promise<void>;
}

/** A line of readyz that tells callers more than strangers. */
export interface Warning {
  readonly text: string;
  /** What callers read in its place: strangers must not know it. */
  readonly forCallers?: string;
}

/** The health of the program. */
export type Health = ReturnType<typeof createHealth>;

/** Milliseconds to wait for the checks before results are returned: enough for a healthy API server, and far below a scrape's timeout. */
const resultsTimeout = 100;

/**
 * Answers as k8s.io/apiserver's healthz does, but with the reason of a failure, which healthz withholds. `checks` are for readyz. livez
 * only says that the process answers (`ping`), because a restart does not help if the API server is away. `warnings` are further lines of
 * readyz; they do not make it fail.
 */
export function createHealth(
  checks: readonly HealthCheck[],
  warnings: () => readonly (string | Warning)[] = () => [],
) {
  const ping: HealthCheck = { name: 'ping', check: () => undefined };
  const readyzChecks = [ping, ...checks];
  return {
    /** Whether the process answers. `query` is the raw query string: `verbose` lists the checks, `exclude=NAME` (repeatable) omits one. */
    livez: (query: string) => answer('livez', [ping], query),
    /** Whether requests can be served, with the same query. `isCaller` is asked if the answer depends on who reads it. */
    async readyz(query: string, isCaller: () => Promise<boolean> = async () => false) {
      const lines = await textsOf(warnings(), isCaller);
      return answer('readyz', readyzChecks, query, lines);
    },
    results: createResults(checks),
  };
}

/**
 * Returns a function that runs all checks, waits at most 100 ms for them, and returns for each check whether its last completed run passed. A
 * check that has never completed is left out.
 */
function createResults(checks: readonly HealthCheck[]): () => Promise<ReadonlyMap<string, boolean>> {
  const known = new Map<string, boolean>();
  const run = async (check: HealthCheck): Promise<void> => {
    known.set(check.name, (await failureOf(check)) === undefined);
  };
  return async () => {
    await within(resultsTimeout, Promise.all(checks.map(run)), () => undefined);
    return new Map(known);
  };
}

/** An answer in the API server's format, to be sent as text/plain. The code is 500 if a check failed. */
async function answer(
  kind: string,
  checks: readonly HealthCheck[],
  query: string,
  warnings: readonly string[] = [],
): Promise<{ readonly code: 200 | 500; readonly body: string }> {
  const parameters = parseQuery(query);
  const excluded = new Set(parameters.get('exclude'));
  const unmatched = new Set(excluded);
  for (const { name } of checks) unmatched.delete(name);

  const failures = await Promise.all(
    checks.map(check => (excluded.has(check.name) ? undefined : failureOf(check))),
  );
  let lines = '';
  for (const [index, { name }] of checks.entries())
    lines += excluded.has(name) ? `[+]${name} excluded: ok\n` : lineOf(name, failures[index]);
  if (unmatched.size > 0) {
    const names = [...unmatched].sort().map(name => JSON.stringify(name));
    lines += `warn: some health checks cannot be excluded: no matches for ${names.join(',')}\n`;
  }
  for (const warning of warnings) lines += `warn: ${warning}\n`;
  if (failures.some(failure => failure !== undefined)) {
    return { code: 500, body: `${lines}${kind} check failed\n` };
  }
  return { code: 200, body: parameters.has('verbose') ? `${lines}${kind} check passed\n` : 'ok' };
}

async function textsOf(
  warnings: readonly (string | Warning)[],
  isCaller: () => Promise<boolean>,
): Promise<readonly string[]> {
  const parts = warnings.map(warning => (typeof warning === 'string' ? { text: warning } : warning));
  const inFull = parts.some(({ forCallers }) => forCallers !== undefined) && (await isCaller());
  return parts.map(({ text, forCallers }) => (inFull ? (forCallers ?? text) : text));
}

function lineOf(name: string, failure: string | undefined): string {
  return failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n`;
}

async function failureOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return reason.replace(/\s+/g, ' ').trim() || 'unknown reason';
  }
}
