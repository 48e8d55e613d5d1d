import type { ClientConfig } from '../../kubeconfig/types.js';

/** How to reach the cluster that an object defines, or why that cannot be used: one line each, without secrets. */
export type FoundConfig = { readonly config: ClientConfig } | { readonly problems: readonly string[] };

/** How many problems of one object are told, and how many characters of each. */
const mostProblems = 5;
const longestProblem = 300;

/**
 * Problems of an object as they may be shown and logged: few and short, however much the object has, each in one line that has no character
 * which a terminal acts on.
 */
export function refusal(problems: readonly string[]): { readonly problems: readonly string[] } {
  const told = problems.slice(0, mostProblems).map(problem => {
    const start = problem.slice(0, longestProblem + 1).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd');
    return start.length > longestProblem ? `${start.slice(0, longestProblem)}…` : start;
  });
  const rest = problems.length - told.length;
  return { problems: rest === 0 ? told : [...told, `and ${rest} more`] };
}
