"""Writes vectors.json: PyTorch's losses and their gradients, for the tests beside this file.

Run it by `python3 test/losses/vectors.py && npx prettier --write test/losses/vectors.json` (PyTorch 2; everything in float64). `values` are per sample, the mean over a sample's other elements.
`gradient` is that of the sum over samples of `weights` times values, by the logits: unequal weights show what a mean would hide.
"""

import json
import math
import pathlib
import warnings

warnings.filterwarnings("ignore")
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, scale=3.0, phase=0.3):
    """Numbers of four digits, so that float32 and JSON have the same."""
    size = math.prod(shape)
    return torch.tensor([round(scale * math.sin(1.7 * i + phase), 4) for i in range(size)]).reshape(shape)


def elementwise(loss):
    return lambda labels, logits: loss(logits, labels, reduction="none")



def softmax_cross_entropy(labels, logits):
    """PyTorch wants the classes in the second axis."""
    return F.cross_entropy(logits.movedim(-1, 1), labels.movedim(-1, 1), reduction="none")


def sparse(labels, logits):
    return F.cross_entropy(logits.movedim(-1, 1), labels.long(), reduction="none")


def huber(delta):
    return lambda labels, logits: F.huber_loss(logits, labels, reduction="none", delta=delta)


SIGMOID = elementwise(F.binary_cross_entropy_with_logits)
MSE = elementwise(F.mse_loss)
MAE = elementwise(F.l1_loss)
ONE_HOT = [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
SOFT = [[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25], [0, 0.5, 0.5, 0]]
LARGE = torch.tensor([[1e4, 0, -1e4], [1e4, 9999, 0], [-1e4, -1e4, -1e4]])

CASES = {
    "softmaxCrossEntropy one-hot": (softmax_cross_entropy, torch.tensor(ONE_HOT).double(), wave((3, 4))),
    "softmaxCrossEntropy probabilities": (softmax_cross_entropy, torch.tensor(SOFT), wave((3, 4))),
    "softmaxCrossEntropy sequence": (softmax_cross_entropy, torch.tensor([ONE_HOT, SOFT]), wave((2, 3, 4))),
    "softmaxCrossEntropy large": (softmax_cross_entropy, torch.tensor([[0, 1, 0], [0, 1, 0], [0.5, 0, 0.5]]), LARGE),
    "sparseSoftmaxCrossEntropy classes": (sparse, torch.tensor([2, 0, 3]), wave((3, 4))),
    "sparseSoftmaxCrossEntropy sequence": (sparse, torch.tensor([[2, 0, 3], [1, 1, 0]]), wave((2, 3, 4))),
    "sparseSoftmaxCrossEntropy images": (sparse, torch.tensor([[[1, 0], [2, 2]], [[0, 1], [1, 2]]]), wave((2, 2, 2, 3))),
    "sparseSoftmaxCrossEntropy large": (sparse, torch.tensor([0, 1, 2]), LARGE),
    "sigmoidCrossEntropy one answer": (SIGMOID, torch.tensor([1.0, 0, 0.25, 1]), wave((4,))),
    "sigmoidCrossEntropy answers": (SIGMOID, torch.tensor([[1.0, 0, 0.25], [0, 0.75, 1]]), wave((2, 3), 6.0)),
    "sigmoidCrossEntropy maps": (SIGMOID, (wave((2, 2, 3), 1.0, 1.1) > 0).double(), wave((2, 2, 3))),
    "sigmoidCrossEntropy large": (SIGMOID, torch.tensor([[1.0, 0], [0, 1], [0.5, 0.25]]), torch.tensor([[1e4, -1e4], [1e4, -1e4], [100.0, -80]])),
    "mse one number": (MSE, wave((4,), 1.0, 0.9), wave((4,))),
    "mse numbers": (MSE, wave((3, 2), 1.0, 0.9), wave((3, 2))),
    "mse maps": (MSE, wave((2, 2, 3), 1.0, 0.9), wave((2, 2, 3))),
    "mae one number": (MAE, wave((4,), 1.0, 0.9), wave((4,))),
    "mae numbers": (MAE, torch.tensor([[1.0, 2, 3], [4, 5, 6]]), torch.tensor([[1.0, 2.5, 1], [4, -5, 7]])),
    "huber(1) numbers": (huber(1.0), torch.tensor([[0.0, 0, 0], [0, 0, 0]]), torch.tensor([[0.5, 1, -1], [-3, 0, 2.5]])),
    "huber(0.5) numbers": (huber(0.5), wave((3, 2), 1.0, 0.9), wave((3, 2))),
    "huber(4) maps": (huber(4.0), wave((2, 2, 3), 3.0, 0.9), wave((2, 2, 3), -3.0)),
}


def vector(loss, labels, logits):
    logits.requires_grad_()
    elements = loss(labels, logits)
    values = elements.reshape(elements.shape[0], -1).mean(1)
    weights = torch.tensor([0.5, 2.0, -1.0, 0.25])[: values.shape[0]]
    (gradient,) = torch.autograd.grad((values * weights).sum(), logits)
    flat = lambda tensor: [round(x, 9) for x in tensor.detach().reshape(-1).tolist()]
    return {
        "shape": list(logits.shape),
        "logits": flat(logits),
        "labelShape": list(labels.shape),
        "labels": flat(labels),
        "weights": flat(weights),
        "values": flat(values),
        "gradient": flat(gradient),
    }


if __name__ == "__main__":
    losses = {name: vector(*case) for name, case in CASES.items()}
    path = pathlib.Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps({"torch": torch.__version__, "losses": losses}) + "\n")
