import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { from, lastValueFrom } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';

import { tee } from '../../operators/tee.js';
import type { TrainingEvent } from '../../src/core/events.js';
import { histogramOf } from '../../src/core/histogram.js';
import { pngImages } from '../../src/sinks/pngImages.js';
import { tensorBoard, type TensorBoardOptions } from '../../src/sinks/tensorBoard.js';
import { wholeRun } from './contract.js';
import type { Shown } from './eventFiles.js';
import { RUNS, shown } from './shown.js';
import { missing } from './tensorBoardServer.js';

/** What TensorBoard's own loader gives of each run, in the form of `shown`; hyper-parameters; and whether its own writer would have written the same bytes. */
const SCRIPT = `
import base64, glob, io, json, math, os, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.plugins.hparams import metadata
from tensorboard.summary.writer.record_writer import RecordWriter
root, same = sys.argv[1], True
for path in glob.glob(root + '/**/*tfevents*', recursive=True):
    out = io.BytesIO()
    for raw in RawEventFileLoader(path).Load():
        RecordWriter(out).write(event_pb2.Event.FromString(raw).SerializeToString(deterministic=True))
    # A last record that is cut off cannot be read.
    same = same and open(path, 'rb').read().startswith(out.getvalue()) and len(out.getvalue()) > 0
number = lambda x: x if math.isfinite(x) else str(x)
def load(run):
    return EventAccumulator(os.path.join(root, run), size_guidance={k: 0 for k in ('scalars', 'tensors', 'histograms')}).Reload()
def tensor(plugin, t):
    return [plugin] + [s.decode() if plugin == 'text' else base64.b64encode(s).decode() for s in t.string_val]
def shown(run):
    a, tags = load(run), {}
    for tag in a.Tags()['scalars']: tags[tag] = [[e.step, number(e.value)] for e in a.Scalars(tag)]
    for tag in a.Tags()['histograms']:
        tags[tag] = [[e.step, {'histo': [[x] if x else [] for x in (h.min, h.max, h.num, h.sum, h.sum_squares)] + [list(h.bucket_limit), list(h.bucket)]}]
                     for e in a.Histograms(tag) for h in [e.histogram_value]]
    for tag in a.Tags()['tensors']:
        plugin = a.SummaryMetadata(tag).plugin_data.plugin_name
        tags[tag] = [[e.step, tensor(plugin, e.tensor_proto)] for e in a.Tensors(tag)]
    return tags
session = load('')
content = lambda tag: session.SummaryMetadata(tag).plugin_data.content
hyper = metadata.parse_session_start_info_plugin_data(content(metadata.SESSION_START_INFO_TAG)).hparams
value = lambda v: getattr(v, v.WhichOneof('kind'))
end = metadata.parse_session_end_info_plugin_data(content(metadata.SESSION_END_INFO_TAG)).status
print(json.dumps({'shown': {r: t for r in json.loads(sys.argv[2]) if os.path.isdir(os.path.join(root, r)) for t in [shown(r)] if t}, 'same': same,
  'hyper': {k: value(v) for k, v in hyper.items()}, 'end': end}))`;

/** JSON has no NaN. */
const inJson = (given: Shown): unknown =>
  JSON.parse(
    JSON.stringify(given, (_key, value: unknown) =>
      typeof value === 'number' && !Number.isFinite(value)
        ? String(value).replace('Infinity', 'inf').toLowerCase()
        : value,
    ),
  );

const place = { globalStep: 6, epoch: 2 };
const pixels = { data: Float32Array.from({ length: 24 }, (_, i) => i / 24), shape: [2, 3, 4, 1] };
const events: readonly TrainingEvent[] = [
  ...wholeRun.slice(0, -1),
  { type: 'histogram', ...place, ...histogramOf('weights/dense/kernel', [-1, 0.5, 0.25, 2, NaN]) },
  { type: 'histogram', ...place, ...histogramOf('gradients/dense/bias', [0, 0]) },
  { type: 'image', ...place, name: 'fields', images: pngImages(pixels) },
  { type: 'text', ...place, name: 'sample', text: '**Ä** und so' },
  ...wholeRun.slice(-1),
];
const hyperParameters = { learningRate: 0.1, optimizer: { name: 'adam', amsgrad: false }, layers: [3, 2], zero: 0 };

describe.skipIf(missing)(`TensorBoard's own loader${missing}`, () => {
  it('gives exactly the steps and values of a run that was killed, torn and gone on with, and would have written the same', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gradstream-tb-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const options: TensorBoardOptions = { hyperParameters, flushMs: 0 };
    const killed = tensorBoard(folder, options);
    wholeRun.slice(0, 8).forEach((event) => void killed.next(event));
    const [torn] = readdirSync(join(folder, 'train'));
    const path = join(folder, 'train', torn!);
    truncateSync(path, readFileSync(path).length - 5); // of step 4
    await lastValueFrom(from(events.slice(5)).pipe(tee(tensorBoard(folder, options))));

    const { stdout, stderr, status } = spawnSync('python3', ['-c', SCRIPT, folder, JSON.stringify(RUNS)], { encoding: 'utf8' }); // prettier-ignore
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toStrictEqual({
      shown: inJson(shown(events)),
      same: true,
      hyper: { learningRate: 0.1, 'optimizer.name': 'adam', 'optimizer.amsgrad': false, layers: '[3,2]', zero: 0 },
      end: 1,
    });
  }, 120_000);
});
