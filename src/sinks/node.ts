export { csvFile } from './csvFile.js';
export { jsonlFile } from './jsonlFile.js';
