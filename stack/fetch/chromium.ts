import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { MissingToolError } from '../errors.js';
import type { Environment } from '../settings.js';
import { cached, defaultCacheDir } from './cache.js';
import { onPath, runCommand, succeeds } from './commands.js';

export interface ChromiumOptions {
  readonly env: Environment;
  readonly cacheDir?: string;
  /** Called when its packages have to be fetched, which takes some seconds. */
  readonly onFetching?: () => void;
}

/** A browser, and what it wants in its environment. */
export interface Chromium {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const REMEDY = 'install Chromium or Chrome (Debian: apt-get install chromium), or name one in CHROMIUM_PATH.';
const APT_TIMEOUT_MS = 600_000;

/**
 * Chromium: the one that CHROMIUM_PATH names, one on PATH, else Debian's packages of it, unpacked into the cache; nothing is installed and no
 * rights are needed.
 * @throws MissingToolError when there is none
 */
export async function findChromium({ env, cacheDir = defaultCacheDir(env), onFetching }: ChromiumOptions): Promise<Chromium> {
  const named = env['CHROMIUM_PATH'];
  if (named) {
    if (!(await succeeds(named, ['--version'], { env }))) throw new MissingToolError(`CHROMIUM_PATH names ${named}, which does not run: ${REMEDY}`);
    return { executablePath: named, env: {} };
  }
  const onMachine = await onPath(NAMES, env);
  // Ubuntu's is a script that asks for a snap.
  if (onMachine !== undefined && (await succeeds(onMachine, ['--version'], { env }))) return { executablePath: onMachine, env: {} };
  const [apt, dpkg] = [await onPath(['apt-get'], env), await onPath(['dpkg-deb'], env)];
  if (apt === undefined || dpkg === undefined) throw new MissingToolError(`Chromium was not found: ${REMEDY}`);
  const folder = await cached(cacheDir, `chromium-${await systemName()}-${arch()}`, (building) => unpack(building, { apt, dpkg, env }), onFetching ? { onMissing: onFetching } : {});
  const root = join(folder, 'root');
  const libraries = join(root, 'usr/lib', (await readFile(join(folder, 'multiarch'), 'utf8')).trim());
  const chromium: Chromium = {
    executablePath: join(root, 'usr/lib/chromium/chromium'),
    env: { LD_LIBRARY_PATH: [libraries, join(libraries, 'pulseaudio')].join(':'), FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  };
  if (!(await succeeds(chromium.executablePath, ['--version'], { env: { ...env, ...chromium.env } }))) throw new MissingToolError(`The Chromium in ${folder} does not run here (remove that folder to fetch it anew): ${REMEDY}`);
  return chromium;
}

/** Relative: the folder is renamed once it is whole. */
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir><dir prefix="relative">root/usr/share/fonts</dir><cachedir prefix="xdg">fontconfig</cachedir>
  ${[['sans-serif', 'DejaVu Sans'], ['system-ui', 'DejaVu Sans'], ['monospace', 'DejaVu Sans Mono']].map(([generic, family]) => `<alias><family>${generic}</family><prefer><family>${family}</family></prefer></alias>`).join('\n  ')}
  <match target="pattern"><edit name="family" mode="append_last"><string>DejaVu Sans</string></edit></match>
</fontconfig>
`;

/** Such as `debian-12`: a newer system has other libraries of its own. */
async function systemName(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string => new RegExp(`^${name}="?([A-Za-z0-9._-]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${field('ID')}-${field('VERSION_ID')}`;
}

interface Debian {
  readonly apt: string;
  readonly dpkg: string;
  readonly env: Environment;
}

/** Fetches the packages that a system without Chromium lacks for it, with lists and cache of its own, and lays them out. */
async function unpack(building: string, { apt, dpkg, env }: Debian): Promise<void> {
  const [lists, archives, root] = ['lists', 'archives', 'root'].map((name) => join(building, name)) as [string, string, string];
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(root);
  const own = ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${building}`, '-o', `Dir::Cache::Archives=${archives}`, '-o', 'APT::Sandbox::User=root', '-o', 'Debug::NoLocking=1'];
  const run = { env: { ...env, LC_ALL: 'C' }, cwd: archives, timeoutMs: APT_TIMEOUT_MS };
  try {
    await runCommand(apt, [...own, 'update'], run);
    const planned = await runCommand(apt, [...own, 'install', '--no-install-recommends', '--simulate', 'chromium', 'fonts-dejavu-core'], run);
    const packages = [...planned.matchAll(/^Inst (\S+)/gm)].flatMap(([, name]) => name ?? []);
    await runCommand(apt, [...own, 'download', ...packages], run);
  } catch (error) {
    throw new MissingToolError(`Chromium was not found, and its packages cannot be had: ${REMEDY} (${(error as Error).message})`, { cause: error });
  }
  for (const file of await readdir(archives)) if (file.endsWith('.deb')) await runCommand(dpkg, ['-x', join(archives, file), root], run);
  const multiarch = (await readdir(join(root, 'usr/lib'))).find((name) => name.includes('-linux-gnu'));
  if (multiarch === undefined) throw new MissingToolError(`Debian's packages of Chromium are of a form that is not known here: ${REMEDY}`);
  await writeFile(join(building, 'multiarch'), multiarch);
  await writeFile(join(building, 'fonts.conf'), FONTS);
  for (const used of [lists, archives]) await rm(used, { recursive: true, force: true });
  for (const cache of ['pkgcache.bin', 'srcpkgcache.bin']) await rm(join(building, cache), { force: true });
}
