export { history, type History } from './history.js';
export { pngImages } from './pngImages.js';
export { progressBar, type ProgressBar, type ProgressBarOptions } from './progressBar.js';
