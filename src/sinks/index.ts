export { history, type History } from './history.js';
export { progressBar, type ProgressBarOptions } from './progressBar.js';
