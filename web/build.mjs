// Bundles every page of this directory into dist, which the binary embeds: `npm run build`.
import { build } from 'esbuild'
import { cp, mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const dist = join(here, 'dist')
const pages = ['phone']

await mkdir(dist, { recursive: true })
for (const name of await readdir(dist)) {
  if (!name.startsWith('.')) await rm(join(dist, name), { recursive: true })
}
for (const page of pages) {
  await build({
    entryPoints: [join(here, page, 'main.js'), join(here, page, 'style.css')],
    outdir: join(dist, page),
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022', 'safari16'],
    legalComments: 'none',
    logLevel: 'warning',
  })
  for (const file of ['index.html', 'icon.svg']) await cp(join(here, page, file), join(dist, page, file))
}
