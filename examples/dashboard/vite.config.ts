/** `npx vite examples/dashboard`: the dashboard over the log at VARVE_URL (and VARVE_API_KEY), that of `npm start` by default. */
import { defineConfig } from 'vite';
import { dashboardConfig } from './config.ts';

const { VARVE_URL: url = 'http://127.0.0.1:8080', VARVE_API_KEY: apiKey } = process.env;

export default defineConfig(dashboardConfig({ url, ...(apiKey !== undefined && { apiKey }) }));
