import { writeChartFiles } from './chart-files.js';

console.log(`deploy/helm/expunge/files: ${(await writeChartFiles()).join(', ')}`);
