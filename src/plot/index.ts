export { plotRun, type PlotRunOptions, type Runs } from './plotRun.js';
