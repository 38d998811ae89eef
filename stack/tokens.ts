import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import { z } from 'zod';

/** Who issues the tokens of a local stack, and whom they are for. */
export const TOKEN_ISSUER = 'expunge-local-stack';
export const TOKEN_AUDIENCE = 'expunge-api';
const ALGORITHM = 'ES256';

/** What a token says of whoever holds it. */
export interface TokenClaims {
  readonly subject: string;
  /** None: a token that allows nothing. */
  readonly role?: string | undefined;
  /** The only tenants that it is for; all, and users, when left out. */
  readonly tenants?: readonly string[] | undefined;
  readonly expiresInMs: number;
  readonly audience?: string | undefined;
  readonly issuer?: string | undefined;
}

/** The issuer of a local stack: a key pair of its own, which never leaves the stack's folder. */
export interface TokenIssuer {
  /** The public key as a JWKS file. */
  readonly jwksFile: string;
  issue(claims: TokenClaims): Promise<string>;
}

const keyFile = z.object({ kty: z.literal('EC'), crv: z.string(), x: z.string(), y: z.string(), d: z.string(), kid: z.string(), alg: z.literal(ALGORITHM) });

/** The issuer of the stack in a folder; its keys are made at the first call and kept for the next. */
export async function openTokenIssuer(dir: string): Promise<TokenIssuer> {
  const privateFile = join(dir, 'token-key.json');
  const jwksFile = join(dir, 'jwks.json');
  const kept = await readFile(privateFile, 'utf8').catch(() => undefined);
  const jwk = kept === undefined ? await newKey() : keyFile.parse(JSON.parse(kept));
  await mkdir(dir, { recursive: true });
  if (kept === undefined) await writeFile(privateFile, `${JSON.stringify(jwk, null, 2)}\n`, { mode: 0o600 });
  const { d: _secret, ...publicKey } = jwk;
  await writeFile(jwksFile, `${JSON.stringify({ keys: [{ ...publicKey, use: 'sig' }] }, null, 2)}\n`);
  const key = await importJWK(jwk as JWK, ALGORITHM);
  return {
    jwksFile,
    issue: ({ subject, role, tenants, expiresInMs, audience = TOKEN_AUDIENCE, issuer = TOKEN_ISSUER }) => {
      const now = Date.now();
      const claims = { ...(role === undefined ? {} : { roles: [role] }), ...(tenants === undefined ? {} : { tenant: tenants.length === 1 ? tenants[0] : tenants }) };
      return new SignJWT(claims)
        .setProtectedHeader({ alg: ALGORITHM, kid: jwk.kid, typ: 'JWT' })
        .setSubject(subject).setIssuer(issuer).setAudience(audience).setJti(randomUUID())
        .setIssuedAt(new Date(now)).setExpirationTime(new Date(now + expiresInMs))
        .sign(key);
    },
  };
}

async function newKey(): Promise<z.infer<typeof keyFile>> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  return keyFile.parse({ ...(await exportJWK(privateKey)), kid: randomUUID(), alg: ALGORITHM });
}

const MONTH_MS = 30 * 86_400_000;

/** What makes an API ask for this issuer's tokens, and gives the command line and the DAGs one that reads. */
export async function tokenVariables(dir: string): Promise<Record<string, string>> {
  const issuer = await openTokenIssuer(dir);
  return {
    API_JWKS_FILE: issuer.jwksFile,
    API_JWT_ISSUER: TOKEN_ISSUER,
    API_JWT_AUDIENCE: TOKEN_AUDIENCE,
    EXPUNGE_API_TOKEN: await issuer.issue({ subject: 'local-stack', role: 'viewer', expiresInMs: MONTH_MS }),
  };
}
