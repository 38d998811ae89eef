import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { durationOf } from '../client/arguments.rules.js';
import { API_ROLES } from '../contracts/api/me.js';
import { messageOf } from './errors.js';
import { openTokenIssuer } from './tokens.js';

interface TokenOptions {
  readonly role: string;
  readonly tenant: readonly string[];
  readonly subject: string;
  readonly expiresIn: number;
  readonly stack: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));

const program = new Command('npm run --silent token --')
  .description('Prints a token for the API of the local stack (npm run stack), signed by the key that the stack keeps in its folder.')
  .addOption(new Option('--role <role>', 'what it allows').choices(API_ROLES).default('viewer'))
  .option('--tenant <tenantId>', 'the only tenant that it is for; may be repeated (default: all tenants, and users)', (tenant: string, before: readonly string[]) => [...before, tenant], [])
  .option('--subject <name>', 'whom it speaks for, as timelines will have it', userInfo().username)
  .option('--expires-in <duration>', 'how long it is good', durationOf, 8 * 3_600_000)
  .option('--stack <folder>', 'the folder of the stack', '.stack')
  .addHelpText('after', `
In a shell:  curl -H "Authorization: Bearer $(npm run --silent token -- --role operator)" http://127.0.0.1:8088/api/v1/deletions`)
  .action(async ({ role, tenant, subject, expiresIn, stack }: TokenOptions) => {
    const issuer = await openTokenIssuer(resolve(root, stack));
    process.stdout.write(`${await issuer.issue({ subject, role, tenants: tenant.length === 0 ? undefined : tenant, expiresInMs: expiresIn })}\n`);
  });

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
});
