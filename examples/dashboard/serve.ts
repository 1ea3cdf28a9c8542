import { build, preview } from 'vite';
import { type DashboardOptions, dashboardConfig } from './config.ts';

export interface ServedDashboardOptions extends DashboardOptions {
  /** On 127.0.0.1; 0 for any free one. */
  port: number;
  /** Where the page is built: a folder that may be emptied. */
  folder: string;
}

/** Builds the page and serves it. */
export async function serveDashboard({ port, folder, ...options }: ServedDashboardOptions) {
  const config = dashboardConfig(options);
  const page = {
    ...config,
    configFile: false,
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true },
  } as const;
  await build(page);
  const server = await preview({ ...page, preview: { ...config.preview, port, strictPort: port !== 0 } });
  return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() };
}
