export { type Controls } from './controls.js';
export { dashboard, type Dashboard, type DashboardOptions } from './dashboard.js';
