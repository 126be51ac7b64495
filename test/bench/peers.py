"""PyTorch by hand, PyTorch with torch.compile, and Lightning, driven by run.ts.

    python peers.py FOLDER CPU_OR_CUDA K

FOLDER holds what exportModel.ts has written. It says {"about", "peers"} when it is ready, and then for each line
{"model", "peer", "warmUp", "steps"} on stdin one line {"ms", "losses", "peerMs"} or {"error"} on stdout.
"""

import json
import logging
import os
import sys
import tempfile
import time
import warnings

# Whatever else prints goes to stderr.
answers = os.fdopen(os.dup(1), 'w', buffering=1)
os.dup2(2, 1)
warnings.filterwarnings('ignore')
for name in ('lightning.pytorch', 'lightning', 'pytorch_lightning'):
    logging.getLogger(name).setLevel(logging.ERROR)

import lightning
import lightning.pytorch as pl
import torch
import torch.nn.functional as F

from peer_models import MODELS, load

FOLDER, DEVICE = sys.argv[1:3]
K = int(sys.argv[3])
READ_EVERY = 50
torch.set_num_threads(os.cpu_count())


def read(path, dtype):
    with open(os.path.join(FOLDER, path), 'rb') as file:
        return torch.frombuffer(bytearray(file.read()), dtype=dtype)


class Task:
    """A model with its initial weights and its batches."""

    def __init__(self, kind):
        with open(os.path.join(FOLDER, f'{kind}.json')) as file:
            index = json.load(file)
        shapes = [torch.Size(shape) for shape in index['weights']]
        parts = read(f'{kind}.weights', torch.float32).split([shape.numel() for shape in shapes])
        self.weights = [part.view(shape) for part, shape in zip(parts, shapes)]
        xs = read(f'{kind}.xs', getattr(torch, index['xs']['dtype'])).view(index['xs']['shape'])
        if kind == 'cnn':
            xs = xs.permute(0, 1, 4, 2, 3).contiguous()
        ys = read(f'{kind}.ys', torch.int32).long()
        ys = ys.view(xs.shape if kind == 'gpt' else xs.shape[:2])
        self.data = list(zip(xs.unbind(), ys.unbind()))
        self.kind = kind
        self.net = MODELS[kind]()
        self.compiled = torch.compile(self.loss)

    def loss(self, x, y):
        return F.cross_entropy(self.net(x).flatten(0, -2), y.flatten())

    def batch(self, i):
        return self.data[i % len(self.data)]

    def start(self):
        """The net as it was before any step."""
        self.net.to(DEVICE)
        load(self.net, self.weights)
        return self.net


def adam(net):
    return torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-3)


def sync():
    if DEVICE == 'cuda':
        torch.cuda.synchronize()


def by_hand(task, warm_up, steps, compiled=False):
    net = task.start()
    loss_of = task.compiled if compiled else task.loss
    optimizer = adam(net)
    losses = []

    def run(first, last):
        for step in range(first, last):
            optimizer.zero_grad()
            for i in range(K):
                x, y = task.batch(step * K + i)
                loss = loss_of(x.to(DEVICE), y.to(DEVICE))
                (loss / K).backward()
                losses.append(loss.detach())
            optimizer.step()
            if step % READ_EVERY == READ_EVERY - 1:
                loss.item()

    run(0, warm_up)
    sync()
    start = time.perf_counter()
    run(warm_up, warm_up + steps)
    sync()
    return (time.perf_counter() - start) * 1e3, losses


class Module(pl.LightningModule):
    def __init__(self, task):
        super().__init__()
        self.net = task.start()
        self.losses = []

    def training_step(self, batch, _):
        x, y = batch
        loss = F.cross_entropy(self.net(x).flatten(0, -2), y.flatten())
        self.log('train_loss', loss)
        self.losses.append(loss.detach())
        return loss

    def configure_optimizers(self):
        return adam(self.net)


class Batches(torch.utils.data.IterableDataset):
    def __init__(self, task, count):
        self.task, self.count = task, count

    def __iter__(self):
        return (self.task.batch(i) for i in range(self.count))


class Clock(pl.Callback):
    def __init__(self, warm_up):
        self.warm_up, self.start = warm_up, None

    def on_train_batch_end(self, trainer, *_):
        if self.start is None and trainer.global_step == self.warm_up:
            sync()
            self.start = time.perf_counter()

    def on_train_end(self, *_):
        sync()
        self.ms = (time.perf_counter() - self.start) * 1e3


def with_lightning(task, warm_up, steps):
    clock, module = Clock(warm_up), Module(task)
    with tempfile.TemporaryDirectory() as logs:
        trainer = pl.Trainer(accelerator='gpu' if DEVICE == 'cuda' else 'cpu', devices=1, max_steps=warm_up + steps,
                             accumulate_grad_batches=K, logger=pl.loggers.CSVLogger(logs), log_every_n_steps=READ_EVERY,
                             enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
                             callbacks=[clock])
        data = Batches(task, (warm_up + steps) * K)
        trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=None))
    return clock.ms, module.losses


PEERS = {
    'PyTorch by hand': by_hand,
    'PyTorch, torch.compile': lambda task, warm_up, steps: by_hand(task, warm_up, steps, compiled=True),
    'Lightning': with_lightning,
}


def answer(value):
    print(json.dumps(value), file=answers)


where = torch.cuda.get_device_name() if DEVICE == 'cuda' else f'{torch.get_num_threads()} threads'
answer({'about': f'PyTorch {torch.__version__}, Lightning {lightning.__version__}, {where}', 'peers': list(PEERS)})
task = None
for line in sys.stdin:
    job = json.loads(line)
    began = time.process_time()
    try:
        if task is None or task.kind != job['model']:
            torch._dynamo.reset()  # compiles the next model as if it were the first
            task = Task(job['model'])
        ms, losses = PEERS[job['peer']](task, job['warmUp'], job['steps'])
        losses = torch.stack(losses).view(-1, K).mean(1).tolist()
        answer({'ms': ms, 'losses': losses, 'peerMs': (time.process_time() - began) * 1e3})
    except Exception as error:
        answer({'error': f'{type(error).__name__}: {error}'})
