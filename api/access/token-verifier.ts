import { readFileSync } from 'node:fs';
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { ConfigFault } from '../../platform/config.js';
import type { ApiAuthConfig } from '../../platform/config.js';
import { callerOf, UnusableClaims } from './caller.rules.js';
import type { Caller } from './caller.rules.js';

/** The token is not accepted. Its message is shown to the caller. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

/** The issuer's keys cannot be had at the moment: nothing is known of the token. */
export class KeysUnreachable extends Error {
  override readonly name = 'KeysUnreachable';
}

/** Verifies a bearer token. @throws TokenRefused, KeysUnreachable */
export type VerifyToken = (token: string) => Promise<Caller>;

/** Clocks of issuer and API may differ by this much. */
const CLOCK_TOLERANCE_S = 5;
/** A token that was verified is taken for so long without another look, and no longer than it is good: a signature costs more than most answers. */
const TRUSTED_MS = 60_000;
const TOKENS_KEPT = 1_000;
/** Longer than any issuer's; a longer one is not looked at. */
const MAX_TOKEN_LENGTH = 8_192;

/**
 * A verifier by JWKS: signature by one of the pinned algorithms, issuer, audience, expiry and subject (RFC 8725).
 * @throws ConfigFault when the key file cannot be used
 */
export function createTokenVerifier(auth: ApiAuthConfig, now: () => number = Date.now): VerifyToken {
  const keys = 'file' in auth.jwks ? keysFrom(auth.jwks.file) : createRemoteJWKSet(new URL(auth.jwks.url), { timeoutDuration: 5_000, cooldownDuration: 30_000, cacheMaxAge: 600_000 });
  const trusted = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();
  return async (token) => {
    const known = trusted.get(token);
    if (known && now() < known.untilMs) return known.caller;
    trusted.delete(token);
    if (token.length > MAX_TOKEN_LENGTH) throw new TokenRefused('The token is longer than any that this API takes.');
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: auth.issuer, audience: auth.audience, algorithms: [...auth.algorithms], requiredClaims: ['exp', 'sub'], clockTolerance: CLOCK_TOLERANCE_S, currentDate: new Date(now()),
      });
      const caller = callerOf(payload, auth.claims);
      const [oldest] = trusted.keys();
      if (trusted.size >= TOKENS_KEPT && oldest !== undefined) trusted.delete(oldest);
      trusted.set(token, { caller, untilMs: Math.min(now() + TRUSTED_MS, (payload.exp ?? 0) * 1_000) });
      return caller;
    } catch (error) {
      throw explained(error);
    }
  };
}

function keysFrom(file: string): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(JSON.parse(readFileSync(file, 'utf8')) as JSONWebKeySet);
  } catch (error) {
    throw new ConfigFault([{ variable: 'API_JWKS_FILE', value: file, remedy: `cannot be used (${(error as NodeJS.ErrnoException).code ?? (error as Error).message}): name a file with a JSON Web Key Set, {"keys": [...]}` }]);
  }
}

const CLAIMS: Readonly<Record<string, string>> = {
  iss: 'The token is from another issuer.',
  aud: 'The token is for another audience.',
  exp: 'The token has no expiry.',
  nbf: 'The token is not valid yet.',
  sub: 'The token names no subject.',
};

function explained(error: unknown): Error {
  if (error instanceof UnusableClaims) return new TokenRefused(error.message, { cause: error });
  if (error instanceof errors.JWTExpired) return new TokenRefused('The token has expired.', { cause: error });
  if (error instanceof errors.JWTClaimValidationFailed) return new TokenRefused(CLAIMS[error.claim] ?? `The token's claim "${error.claim}" is not accepted.`, { cause: error });
  if (error instanceof errors.JOSEAlgNotAllowed) return new TokenRefused('The token is not signed by an algorithm that this API takes.', { cause: error });
  if (error instanceof errors.JWKSNoMatchingKey) return new TokenRefused('The token is signed by a key that the issuer does not publish.', { cause: error });
  if (error instanceof errors.JWSSignatureVerificationFailed) return new TokenRefused('The token’s signature is wrong.', { cause: error });
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid || error instanceof errors.JOSENotSupported || error instanceof errors.JWKSMultipleMatchingKeys) return new TokenRefused('The token is not one that this API understands.', { cause: error });
  return new KeysUnreachable('The keys of the token’s issuer cannot be had at the moment.', { cause: error });
}
