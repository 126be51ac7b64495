"""Writes vectors.json: what PyTorch's optimizers and schedulers do, for the tests beside this file.

Run it by `python3 test/optim/vectors.py && npx prettier --write test/optim/vectors.json` (PyTorch 2; everything in float64). The gradients follow a formula that vectors.test.ts repeats;
their size is 5, 5e-2, 5e-4 or 5e-6, they change sign, and are 0 throughout for one weight.
"""

import json
import math
import pathlib
import warnings

import torch

warnings.filterwarnings("ignore")
STEPS = 50
KEPT = (1, 2, 10, 50)
SHAPES = {"kernel": (2, 3), "bias": (4,)}
SIZES = {name: math.prod(shape) for name, shape in SHAPES.items()}


def initial(index):
    return math.sin(1.7 * index + 0.3)


def gradient(index, step):
    if index == 7:
        return 0.0
    drift = 0.0 if index < 4 else 0.01 * index
    return 5.0 * 10.0 ** (-2 * (index % 4)) * math.sin(0.37 * step * (index + 1) + index) + drift


def variables():
    """The two variables; their elements are counted through both."""
    values = [initial(i) for i in range(sum(SIZES.values()))]
    kernel = torch.tensor(values[:6], dtype=torch.float64).reshape(2, 3)
    bias = torch.tensor(values[6:], dtype=torch.float64)
    return [torch.nn.Parameter(kernel), torch.nn.Parameter(bias)]


def flat(parameters):
    return [round(value, 9) for p in parameters for value in p.detach().reshape(-1).tolist()]


def set_gradients(parameters, step):
    index = 0
    for p in parameters:
        p.grad = torch.tensor([gradient(index + i, step) for i in range(p.numel())], dtype=torch.float64).reshape(p.shape)
        index += p.numel()


def record(make):
    parameters = variables()
    optimizer = make(parameters)
    kept = {}
    for step in range(1, STEPS + 1):
        set_gradients(parameters, step)
        optimizer.step()
        if step in KEPT:
            kept[step] = flat(parameters)
    return kept


class Lion:
    """Algorithm 2 of arXiv:2302.06675, by hand."""

    def __init__(self, groups, lr, betas=(0.9, 0.99)):
        self.groups, self.lr, self.betas = groups, lr, betas
        self.mean = {p: torch.zeros_like(p) for ps, _ in groups for p in ps}

    @torch.no_grad()
    def step(self):
        beta1, beta2 = self.betas
        for parameters, decay in self.groups:
            for p in parameters:
                c = beta1 * self.mean[p] + (1 - beta1) * p.grad
                p -= self.lr * (torch.sign(c) + decay * p)
                self.mean[p] = beta2 * self.mean[p] + (1 - beta2) * p.grad


o = torch.optim
optimizers = {
    "sgd": lambda ps: o.SGD(ps, lr=0.05),
    "sgd weightDecay": lambda ps: o.SGD(ps, lr=0.05, weight_decay=0.1),
    "sgd momentum": lambda ps: o.SGD(ps, lr=0.02, momentum=0.9),
    "sgd nesterov": lambda ps: o.SGD(ps, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.05),
    "adam": lambda ps: o.Adam(ps, lr=0.05),
    "adam betas epsilon": lambda ps: o.Adam(ps, lr=0.05, betas=(0.8, 0.95), eps=1e-3),
    "adamw all": lambda ps: o.AdamW(ps, lr=0.05, weight_decay=0.1),
    "adamw kernel": lambda ps: o.AdamW([{"params": ps[:1], "weight_decay": 0.1}, {"params": ps[1:], "weight_decay": 0.0}], lr=0.05),
    "rmsprop": lambda ps: o.RMSprop(ps, lr=0.01),
    "rmsprop momentum": lambda ps: o.RMSprop(ps, lr=0.01, alpha=0.9, momentum=0.8, eps=1e-4),
    "adagrad": lambda ps: o.Adagrad(ps, lr=0.1),
    "adagrad initial": lambda ps: o.Adagrad(ps, lr=0.1, initial_accumulator_value=0.1, eps=1e-3),
    "lion": lambda ps: Lion([(ps, 0.0)], lr=0.01),
    "lion kernel": lambda ps: Lion([(ps[:1], 0.5), (ps[1:], 0.0)], lr=0.01, betas=(0.95, 0.98)),
}


def rates(make, steps, lr=0.1):
    """The learning rates of the first `steps` steps."""
    optimizer = o.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    out = []
    for step in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < steps:  # OneCycleLR allows no step beyond its last
            scheduler.step()
    return [float(f"{value:.12g}") for value in out]


s = o.lr_scheduler


def warm(opt):
    """5 steps of warmup, then a cosine over 10."""
    first = s.LinearLR(opt, start_factor=1 / 6, end_factor=1, total_iters=5)
    return s.SequentialLR(opt, [first, s.CosineAnnealingLR(opt, 10)], milestones=[5])


schedules = {
    "linear": rates(lambda opt: s.LinearLR(opt, start_factor=0.2, end_factor=1, total_iters=8), 12),
    "cosine": rates(lambda opt: s.CosineAnnealingLR(opt, 10, eta_min=0.01), 11),
    "warmup cosine": rates(warm, 16),
    "oneCycle": rates(lambda opt: s.OneCycleLR(opt, 0.1, total_steps=20, cycle_momentum=False), 20),
    "oneCycle late": rates(lambda opt: s.OneCycleLR(opt, 0.1, total_steps=11, pct_start=0.5, div_factor=10, final_div_factor=5, cycle_momentum=False), 11),
    "step": rates(lambda opt: s.StepLR(opt, 3, gamma=0.5), 10),
    "exponential": rates(lambda opt: s.ExponentialLR(opt, 0.9), 10),
}



def plateau(values, rate=0.8, **options):
    """The learning rate after each value of a metric; gradstream's patience is one more than PyTorch's."""
    optimizer = o.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = s.ReduceLROnPlateau(optimizer, threshold_mode="abs", eps=0.0, **options)
    after = []
    for value in values:
        scheduler.step(value)
        after.append(optimizer.param_groups[0]["lr"])
    given = {"factor": options["factor"], "patience": options["patience"] + 1, "minDelta": options["threshold"], "mode": options["mode"]}
    return {"values": values, "rate": rate, "options": {**given, "minRate": options.get("min_lr", 0)}, "after": after}


losses = [round(1 / (1 + 0.3 * i) + 0.2 * math.sin(2.1 * i), 6) for i in range(40)]
plateaus = [
    plateau(losses, mode="min", factor=0.5, patience=2, threshold=0.01),
    plateau(losses, mode="min", factor=0.1, patience=0, threshold=0.0, min_lr=1e-3),
    plateau([-x for x in losses], mode="max", factor=0.3, patience=4, threshold=0.05, min_lr=0.02),
    plateau([0.5, math.nan, 0.4, math.nan, math.nan, 0.3, 0.35, 0.31], mode="min", factor=0.5, patience=1, threshold=0.0),
]

out = {
    "torch": torch.__version__,
    "slots": [{"name": name, "shape": list(shape), "size": SIZES[name]} for name, shape in SHAPES.items()],
    "optimizers": {name: record(make) for name, make in optimizers.items()},
    "schedules": schedules,
    "plateaus": [{**each, "values": [None if math.isnan(x) else x for x in each["values"]]} for each in plateaus],
}
path = pathlib.Path(__file__).with_name("vectors.json")
path.write_text(json.dumps(out) + "\n")
print(path, path.stat().st_size, "bytes")
