import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Page } from 'playwright-core';

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Throws if axe finds a serious violation in the shown page, in its light or in its dark colours. */
export async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const isDark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches");
  const [own, other] = isDark ? (['dark', 'light'] as const) : (['light', 'dark'] as const);
  for (const colorScheme of [other, own]) {
    await page.emulateMedia({ colorScheme });
    const { violations } = (await page.evaluate(
      "axe.run({ rules: { 'target-size': { enabled: true } } })",
    )) as { violations: readonly Violation[] };
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(
      serious.map(({ id, nodes: [node] }) => `${colorScheme}: ${id}: ${node?.html} ${node?.failureSummary}`),
      [],
    );
  }
}
