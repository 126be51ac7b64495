export { history, type History } from './history.js';
export { pngImages } from './pngImages.js';
export { progressBar, type ProgressBarOptions } from './progressBar.js';
