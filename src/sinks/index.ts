export { progressBar, type ProgressBarOptions } from './progressBar.js';
