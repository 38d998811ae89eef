import { fileURLToPath } from 'node:url';
import serveStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** The page loads nothing from elsewhere, runs no script and takes no style that is not a file of its own, and is shown in no frame. */
export const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const folder = fileURLToPath(new URL('../page/', import.meta.url));

/**
 * The status page at /ui/, as it lies in api/page/: HTML, styles and modules that browsers take as they are. Nobody is asked for a token,
 * for it holds no data: what it shows it asks the API for.
 */
export function servePage(api: FastifyInstance): void {
  void api.register((page, _options, done) => {
    page.addHook('onRequest', (_request, reply, next) => {
      void reply.headers({ 'content-security-policy': PAGE_POLICY, 'cache-control': 'no-cache' });
      next();
    });
    // A route for each file that is there now: no other path leads to the disk.
    void page.register(serveStatic, { root: folder, prefix: '/ui/', wildcard: false, globIgnore: ['**/*.ts', '**/*.json'], decorateReply: false, cacheControl: false });
    // Relative, so that it holds behind a proxy that has the API under a path of its own.
    for (const path of ['/', '/ui']) page.get(path, { schema: { hide: true } }, (_request, reply) => reply.redirect('ui/', 302));
    done();
  });
}
