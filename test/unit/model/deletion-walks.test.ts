import { describe, expect, test, vi } from 'vitest';
import { subjectsOfTenant, tenantWalk, userWalk } from '../../support/model/commands.js';
import { walk } from '../../support/model/walk.js';
import type { Workflows } from '../../support/model/world.js';

// The workflows are the real ones; @temporalio/workflow is the virtual one, so that a walk takes milliseconds.
vi.mock('@temporalio/workflow', () => import('../../support/model/virtual-workflow.js'));
const workflows = (await import('../../../workflows/index.js')) as unknown as Workflows;

const TIMEOUT_MS = 600_000;

describe('whatever comes, in whatever order, and whatever is lost', () => {
  test('the deletions of a user keep to the rules and end', { timeout: TIMEOUT_MS }, async () => {
    expect(await walk({ workflows, walks: 5_000, commands: (replayPath) => userWalk({ maxCommands: 40, replayPath }) })).toBe(5_000);
  });

  test('a tenant with two services keeps to the rules, and so do its deletions and clean-ups', { timeout: TIMEOUT_MS }, async () => {
    expect(await walk({ workflows, walks: 4_000, commands: (replayPath) => tenantWalk({ subjects: subjectsOfTenant(['a', 'b']), maxCommands: 50, replayPath }) })).toBe(4_000);
  });

  test('a tenant with three services that depend on one another keeps to them too', { timeout: TIMEOUT_MS }, async () => {
    expect(await walk({ workflows, walks: 2_000, commands: (replayPath) => tenantWalk({ subjects: subjectsOfTenant(['a', 'b', 'c']), maxCommands: 60, replayPath }) })).toBe(2_000);
  });
});
